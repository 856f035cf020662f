// @ts-check
// Writes the queries of all dashboards, and those of provisioned rules, as lines for tools/host:
// `node tools/queries.mjs NAME=VALUE..`, where the names are those of variables, such as model=fraud-demo. A name of
// a line is DASHBOARD.PANEL.LETTER.
import { readFileSync } from 'node:fs';

import { parse } from 'yaml';

import { dashboards } from './dashboards.mjs';

const values = process.argv.slice(2).map((one) => one.split('='));
/** @param {unknown} query */
const filled = (query) =>
  JSON.parse(values.reduce((text, [name, value]) => text.replaceAll(`$${name}`, value ?? ''), JSON.stringify(query)));

for (const [name, { panels, annotations }] of Object.entries(dashboards)) {
  for (const { id, targets } of panels) {
    for (const target of targets ?? []) {
      console.log(JSON.stringify({ name: `${name}.${id}.${target.refId}`, query: filled(target) }));
    }
  }
  for (const [at, { target }] of (annotations?.list ?? []).entries()) {
    console.log(JSON.stringify({ name: `${name}.annotation${at}.A`, query: filled(target) }));
  }
}

const provisioned = parse(readFileSync(new URL('../provisioning/alerting/driftline.yaml', import.meta.url), 'utf8'));
for (const { uid, data } of provisioned.groups.flatMap((/** @type {any} */ group) => group.rules)) {
  for (const { refId, model } of data.filter((/** @type {any} */ one) => one.datasourceUid !== '__expr__')) {
    console.log(JSON.stringify({ name: `alerting.${uid}.${refId}`, query: model }));
  }
}
