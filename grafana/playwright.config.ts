// Tests in a browser with a Grafana server: `docker compose up -d`, then `npm run e2e`.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { PluginOptions } from '@grafana/plugin-e2e';
import { defineConfig, devices } from '@playwright/test';

const plugin = dirname(fileURLToPath(import.meta.resolve('@grafana/plugin-e2e')));

export default defineConfig<PluginOptions>({
  testDir: 'tests/e2e',
  reporter: 'list',
  use: { baseURL: process.env.GRAFANA_URL ?? 'http://localhost:3000', trace: 'retain-on-failure' },
  projects: [
    { name: 'login', testDir: join(plugin, 'auth'), testMatch: [/.*\.js/] },
    {
      name: 'tests',
      use: { ...devices['Desktop Chrome'], storageState: 'playwright/.auth/admin.json' },
      dependencies: ['login'],
    },
  ],
});
