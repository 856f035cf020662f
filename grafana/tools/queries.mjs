// @ts-check
// Writes the queries of all dashboards, and those of provisioned rules, as lines for tools/host:
// `node tools/queries.mjs NAME=VALUE..`, where the names are those of variables that list something, such as
// model=fraud-demo; others have the values that dashboards begin with. A name of a line is DASHBOARD.PANEL.LETTER,
// its days are those of a panel with a time of its own.
import { readFileSync } from 'node:fs';

import { parse } from 'yaml';

import { dashboards } from './dashboards.mjs';
import { withValues } from './values.mjs';

/** @import { Variable } from './dashboards/types' */

const given = Object.fromEntries(process.argv.slice(2).map((one) => one.split('=')));
/** @param {unknown} query @param {Variable[]} variables */
const filled = (query, variables) => withValues(query, variables, given);

for (const [name, { panels, annotations, templating }] of Object.entries(dashboards)) {
  for (const { id, targets, timeFrom } of panels) {
    for (const target of targets ?? []) {
      const days = timeFrom && Number(/^(\d+)d$/.exec(timeFrom)?.[1]);
      console.log(JSON.stringify({ name: `${name}.${id}.${target.refId}`, days, query: filled(target, templating.list) }));
    }
  }
  for (const [at, { target }] of (annotations?.list ?? []).entries()) {
    console.log(JSON.stringify({ name: `${name}.annotation${at}.A`, query: filled(target, templating.list) }));
  }
}

const provisioned = parse(readFileSync(new URL('../provisioning/alerting/driftline.yaml', import.meta.url), 'utf8'));
for (const { uid, data } of provisioned.groups.flatMap((/** @type {any} */ group) => group.rules)) {
  for (const { refId, model } of data.filter((/** @type {any} */ one) => one.datasourceUid !== '__expr__')) {
    console.log(JSON.stringify({ name: `alerting.${uid}.${refId}`, query: model }));
  }
}
