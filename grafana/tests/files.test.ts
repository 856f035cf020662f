// @vitest-environment node
import { existsSync, readdirSync, readFileSync } from 'node:fs';

import { parse } from 'yaml';

import manifest from '../src/plugin.json';
import { dashboards, text } from '../tools/dashboards.mjs';

test('the manifest has what Grafana asks for', () => {
  expect(manifest.id).toMatch(/^[0-9a-z]+-([0-9a-z]+-)?(app|panel|datasource)$/);
  expect(manifest.executable).toMatch(/^gpx_/);
  expect(manifest.alerting && manifest.backend).toBe(true);
  for (const { path } of manifest.includes) {
    expect(existsSync(`src/${path}`)).toBe(true);
  }
  expect(existsSync(`src/${manifest.info.logos.small}`)).toBe(true);
});

test('dashboards are those that the tool makes', () => {
  expect(Object.keys(dashboards).map((name) => `dashboards/${name}.json`).sort()).toEqual(
    manifest.includes.map((one) => one.path).sort()
  );
  for (const [name, one] of Object.entries(dashboards)) {
    expect(readFileSync(`src/dashboards/${name}.json`, 'utf8')).toBe(text(one));
  }
});

/** Dashboards with their names, panels that are no rows, and variables. */
const all = Object.entries(dashboards).map(([name, one]) => ({
  name,
  one,
  panels: one.panels.filter((panel) => panel.type !== 'row'),
  variables: one.templating.list.map((variable) => variable.name),
}));

test('the manifest names dashboards as they name themselves', () => {
  for (const { name, one } of all) {
    expect(one.uid).toBe(`driftline-${name}`);
    expect(manifest.includes.find(({ path }) => path === `dashboards/${name}.json`)?.name).toBe(one.title);
  }
});

test('panels have a title, a word on what they show, and a query', () => {
  for (const { panels } of all) {
    for (const { title, description, targets } of panels) {
      expect(title).toBeTruthy();
      expect(description, title).toMatch(/\.$/);
      expect(targets, title).not.toHaveLength(0);
    }
  }
});

test('what panels ask, annotate and are called names no variable that the dashboard lacks', () => {
  // Of a field, a value, a row or the time of a dashboard.
  const given = /^__/;
  for (const { name, one, variables } of all) {
    const { templating: _, uid: __, ...rest } = one;
    const named = [...JSON.stringify(rest).matchAll(/\$\{?(\w+)/g)].map(([, word]) => word ?? '');
    expect(named.length).toBeGreaterThan(0);
    // Grafana replaces in one go.
    expect(JSON.stringify(rest)).not.toMatch(/\$\{[^}]*\$/);
    for (const word of named.filter((word) => !given.test(word))) {
      expect(variables, `${name}: ${word}`).toContain(word);
    }
  }
});

test('links lead to dashboards that there are, and set variables that those have', () => {
  let followed = 0;
  for (const { one } of all) {
    for (const [, name, query] of JSON.stringify(one).matchAll(/\/d\/driftline-(\w+)\?([^"]*)/g)) {
      const target = all.find((other) => other.name === name);
      expect(target, name).toBeDefined();
      for (const [, variable] of (query ?? '').matchAll(/var-(\w+)=/g)) {
        expect(target?.variables, `${name}: ${variable}`).toContain(variable);
      }
      followed += 1;
    }
  }
  expect(followed).toBeGreaterThan(20);
});

test('panels lie side by side and none over another', () => {
  for (const { panels } of Object.values(dashboards)) {
    expect(new Set(panels.map((panel) => panel.id)).size).toBe(panels.length);
    const places = panels.map((panel) => panel.gridPos as Required<typeof panel.gridPos>);
    for (const [at, one] of places.entries()) {
      expect(one.x + one.w).toBeLessThanOrEqual(24);
      for (const other of places.slice(at + 1)) {
        const apart =
          one.x + one.w <= other.x || other.x + other.w <= one.x || one.y + one.h <= other.y || other.y + other.h <= one.y;
        expect(apart).toBe(true);
      }
    }
  }
});

test('what is provisioned by file fits together', () => {
  const read = (path: string) => parse(readFileSync(`provisioning/${path}/driftline.yaml`, 'utf8'));
  const [source] = read('datasources').datasources;
  expect(source.type).toBe(manifest.id);
  expect(read('dashboards').providers[0].options.path).toBe(`/var/lib/grafana/plugins/${manifest.id}/dashboards`);
  const rules = read('alerting').groups.flatMap((group: any) => group.rules);
  expect(rules.length).toBeGreaterThan(0);
  for (const { data, condition } of rules) {
    const letters = data.map((one: any) => one.refId);
    expect(letters).toContain(condition);
    for (const { refId, datasourceUid, model } of data) {
      expect([source.uid, '__expr__']).toContain(datasourceUid);
      expect(model.refId).toBe(refId);
      expect([undefined, ...letters]).toContain(model.expression);
    }
  }
});

test('pictures that pages show are there, and none that the page of pictures does not show', () => {
  const pictures = readdirSync('docs').filter((name) => name.endsWith('.png'));
  const shown = (page: string, pattern: RegExp) => [...readFileSync(page, 'utf8').matchAll(pattern)].map(([, name]) => name);
  expect(shown('docs/README.md', /\(([\w-]+\.png)\)/g).sort()).toEqual(pictures.sort());
  for (const name of shown('README.md', /\(docs\/([\w-]+\.png)\)/g)) {
    expect(pictures).toContain(name);
  }
});
