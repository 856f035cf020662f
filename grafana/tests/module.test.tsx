// dist/module.js as Grafana loads it: AMD, with the libraries that the host has.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

import React from 'react';
import * as ReactDOM from 'react-dom';
import * as rxjs from 'rxjs';
import * as operators from 'rxjs/operators';

import * as data from '@grafana/data';
import * as runtime from '@grafana/runtime';
import * as schema from '@grafana/schema';
import * as ui from '@grafana/ui';
import { render, screen, waitFor } from '@testing-library/react';

const HOST: Record<string, unknown> = {
  '@grafana/data': data,
  '@grafana/runtime': runtime,
  '@grafana/schema': schema,
  '@grafana/ui': ui,
  react: React,
  'react-dom': ReactDOM,
  rxjs,
  'rxjs/operators': operators,
};

/** What the module exports, and which libraries it asked for. */
function loaded(code: string): { exports: any; asked: string[] } {
  const exports: any = {};
  let asked: string[] = [];
  const define = (names: string[], factory: (...given: unknown[]) => void) => {
    asked = names;
    factory(
      ...names.map((name) => {
        if (name === 'exports') {
          return exports;
        }
        expect(Object.keys(HOST)).toContain(name);
        return HOST[name];
      })
    );
  };
  new Function('define', code)(define);
  return { exports, asked };
}

let code = '';

beforeAll(() => {
  execFileSync(process.execPath, ['node_modules/rollup/dist/bin/rollup', '-c', '--silent']);
  code = readFileSync('dist/module.js', 'utf8');
}, 60_000);

test('the module is small, evaluates nothing and takes its libraries from the host', () => {
  const { asked } = loaded(code);
  expect(asked).toEqual(expect.arrayContaining(['@grafana/data', '@grafana/runtime', '@grafana/ui', 'react']));
  expect(code.length).toBeLessThan(100_000);
  expect(code).not.toMatch(/\beval\(|new Function\(/);
});

test('what lies beside the module is complete, and its manifest has a version and a date', () => {
  const manifest = JSON.parse(readFileSync('dist/plugin.json', 'utf8'));
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  expect(manifest.info.version).toBe(version);
  expect(manifest.info.updated).toMatch(/^\d{4}-\d{2}-\d{2}$/);
  for (const file of ['README.md', 'CHANGELOG.md', 'LICENSE', 'img/logo.svg', ...manifest.includes.map((one: any) => one.path)]) {
    expect(readFileSync(`dist/${file}`, 'utf8')).not.toBe('');
  }
});

test('the plugin has its editors, and that of queries shows what the back end knows', async () => {
  const get = vi.fn((path: string) =>
    Promise.resolve(
      path === 'models'
        ? { models: ['fraud'] }
        : { name: 'fraud', task: 'binary', versions: ['7'], features: [], tags: [], slices: [], references: [] }
    )
  );
  runtime.setTemplateSrv({ replace: (text?: string) => text ?? '' } as unknown as runtime.TemplateSrv);
  const { plugin } = loaded(code).exports;
  expect(plugin).toBeInstanceOf(data.DataSourcePlugin);
  expect(plugin.components.ConfigEditor).toBeTruthy();
  const source = new plugin.DataSourceClass({ id: 1, uid: 'u', type: 'x', name: 'x', jsonData: {} });
  expect(source).toBeInstanceOf(runtime.DataSourceWithBackend);
  source.getResource = get;
  const Editor = plugin.components.QueryEditor;
  render(
    <Editor datasource={source} query={{ refId: 'A', model: 'fraud', version: '7' }} onChange={vi.fn()} onRunQuery={vi.fn()} />
  );
  await waitFor(() => expect(get).toHaveBeenCalledWith('models/fraud'));
  expect(await screen.findByText('7')).toBeTruthy();
  expect(screen.getByLabelText('What will be computed').textContent).toContain('model fraud version 7');
});
