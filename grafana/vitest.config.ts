import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    environment: 'jsdom',
    globals: true,
    include: ['tests/**/*.test.{ts,tsx}'],
    setupFiles: ['tests/setup.ts'],
    testTimeout: 60_000,
    // Grafana's packages import style sheets and each other by paths that only a bundler resolves.
    server: { deps: { inline: [/@grafana/] } },
  },
});
