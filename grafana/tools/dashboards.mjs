// Writes src/dashboards/*.json: `node tools/dashboards.mjs`. What is written is kept in the repository,
// and a test checks that it is what this makes.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SOURCE = { type: 'driftline-driftline-datasource', uid: '${source}' };
/** Columns of a dashboard. */
const WIDTH = 24;

const query = (more) => ({ refId: 'A', datasource: SOURCE, model: '$model', window: 'auto', ...more });

const thresholds = (steps) => ({
  mode: 'absolute',
  steps: steps.map(([value, color]) => ({ value, color })),
});
/** The usual bounds of PSI: 0.1 is worth a look, 0.2 is drift. */
const PSI = thresholds([[null, 'green'], [0.1, 'yellow'], [0.2, 'red']]);

function panel(type, title, queries, { width = 12, height = 8, defaults = {}, options = {}, description } = {}) {
  const targets = [queries].flat().map((one, at) => ({ ...query(one), refId: 'ABCDEFGH'[at] }));
  return {
    type,
    title,
    description,
    datasource: SOURCE,
    targets,
    gridPos: { w: width, h: height },
    fieldConfig: { defaults, overrides: [] },
    options,
  };
}

const row = (title) => ({ type: 'row', title, gridPos: { w: WIDTH, h: 1 }, panels: [] });
const series = (title, queries, more) => panel('timeseries', title, queries, more);
const number = (title, queries, more) =>
  panel('stat', title, { whole: true, ...queries }, { width: 6, height: 4, ...more });
const table = (title, queries, more) => panel('table', title, { whole: true, ...queries }, more);

/** Puts panels beside and below each other. */
function laidOut(panels) {
  let [x, y, height] = [0, 0, 0];
  return panels.map((one, at) => {
    const { w, h } = one.gridPos;
    if (x + w > WIDTH) {
      [x, y, height] = [0, y + height, 0];
    }
    const placed = { ...one, id: at + 1, gridPos: { x, y, w, h } };
    x += w;
    height = Math.max(height, h);
    return placed;
  });
}

const variable = (name, label, asked, more = {}) => ({
  type: 'query',
  name,
  label,
  datasource: SOURCE,
  query: { refId: 'variable', ...asked },
  refresh: 2,
  sort: 1,
  ...more,
});
const MODEL = variable('model', 'Model', { of: 'models' });
const FEATURE = variable('feature', 'Feature', { of: 'features', model: '$model' });

/** Firings of alerts, as regions in each graph: of the model, or of all where several are shown. */
const firings = (model) => ({
  name: 'Alerts',
  datasource: SOURCE,
  enable: true,
  iconColor: 'red',
  target: { refId: 'Anno', queryType: 'alerts', metrics: ['events'], ...(model ? { model } : {}) },
});

function dashboard(uid, title, description, variables, panels) {
  const [{ multi }] = variables;
  return {
    uid,
    title,
    description,
    tags: ['driftline'],
    schemaVersion: 41,
    editable: true,
    time: { from: 'now-30d', to: 'now' },
    refresh: '5m',
    annotations: { list: [firings(multi ? undefined : '$model')] },
    templating: {
      list: [{ type: 'datasource', name: 'source', label: 'Driftline', query: SOURCE.type }, ...variables],
    },
    links: [{ type: 'dashboards', title: 'Driftline', tags: ['driftline'], asDropdown: true, keepTime: true, includeVars: true }],
    panels: laidOut(panels),
  };
}

const share = { unit: 'percentunit' };
const drift = { thresholds: PSI, decimals: 3, custom: { thresholdsStyle: { mode: 'line' } } };

export const dashboards = {
  fleet: dashboard(
    'driftline-fleet',
    'Driftline: fleet',
    'All models at a glance: one row each.',
    [{ ...MODEL, multi: true, includeAll: true, current: { text: ['All'], value: ['$__all'] } }],
    [
      table('Alerts of all models', { queryType: 'alerts', metrics: ['states'], model: '' }, { width: 24, height: 6 }),
      { ...row('$model'), repeat: 'model', collapsed: false },
      number('Predictions', { queryType: 'volume', metrics: ['predictions'] }),
      number('Accuracy', { queryType: 'performance', metrics: ['accuracy'] }, { defaults: share }),
      number('Errors', { queryType: 'operations', metrics: ['error_rate'] }, { defaults: share }),
      number('p99 latency', { queryType: 'operations', metrics: ['p99'] }, { defaults: { unit: 'ms' } }),
      series('Drift of all features', { queryType: 'drift' }, { width: 24, defaults: drift }),
    ]
  ),
  model: dashboard(
    'driftline-model',
    'Driftline: model health',
    'Is the model right, did its inputs move, and is it served well?',
    [MODEL],
    [
      row('Summary'),
      number('Predictions', { queryType: 'volume', metrics: ['predictions'] }),
      number('Predictions with a label', { queryType: 'volume', metrics: ['labelled'] }),
      number('p99 latency', { queryType: 'operations', metrics: ['p99'] }, { defaults: { unit: 'ms' } }),
      number('Error rate', { queryType: 'operations', metrics: ['error_rate'] }, { defaults: share }),
      row('Alerts'),
      table('Alerts', { queryType: 'alerts', metrics: ['states'] }, { width: 24, height: 6 }),
      row('Performance'),
      series('Performance, with 95 % interval and share of labels', { queryType: 'performance' }, { width: 16 }),
      series('Predictions and labels', { queryType: 'volume' }, { width: 8 }),
      row('Drift'),
      series('PSI of features', { queryType: 'drift' }, { width: 16, defaults: drift }),
      table('Drift over the whole time', { queryType: 'drift', metrics: ['psi', 'ks', 'chi2'] }, { width: 8 }),
      row('Predictions'),
      series('What was predicted', { queryType: 'predictions' }, {
        defaults: { ...share, custom: { stacking: { mode: 'normal' }, fillOpacity: 40 } },
      }),
      series('Drift of score and prediction', { queryType: 'drift', features: ['score', 'prediction'] }, { defaults: drift }),
      row('System'),
      series('Latency', { queryType: 'operations', metrics: ['p50', 'p95', 'p99'] }, { width: 8, defaults: { unit: 'ms' } }),
      series('Throughput', { queryType: 'operations', metrics: ['throughput'] }, { width: 8 }),
      series('Errors', { queryType: 'operations', metrics: ['error_rate'] }, { width: 8, defaults: share }),
    ]
  ),
  drift: dashboard(
    'driftline-drift',
    'Driftline: drift',
    'Which feature moved, when, and how its distribution looks before and after.',
    [MODEL, FEATURE],
    [
      panel('status-history', 'PSI by feature and day', { queryType: 'drift', window: '1d' }, {
        width: 24,
        height: 12,
        defaults: { thresholds: PSI, color: { mode: 'thresholds' }, decimals: 2 },
        options: { showValue: 'never', rowHeight: 0.9 },
      }),
      panel('barchart', 'Distribution of $feature: reference and now', { queryType: 'distribution', features: ['$feature'] }, {
        defaults: share,
      }),
      series('$feature over time', { queryType: 'drift', features: ['$feature'], metrics: ['psi', 'ks', 'js'] }, { defaults: drift }),
      series('Values of $feature', { queryType: 'quality', features: ['$feature'], metrics: ['mean', 'min', 'max'] }),
      table('All statistics over the whole time', { queryType: 'drift', features: ['$feature'], metrics: ['psi', 'ks', 'chi2', 'js', 'wasserstein_norm', 'mean_shift'] }),
    ]
  ),
  quality: dashboard(
    'driftline-quality',
    'Driftline: data quality',
    'Whether columns come filled, in range, and with the categories that the model knows.',
    [MODEL],
    [
      series('Predictions', { queryType: 'volume', metrics: ['predictions'] }, { width: 24, height: 6 }),
      series('Share of nulls', { queryType: 'quality', metrics: ['null_rate'] }, { defaults: share }),
      series('Share of unseen categories', { queryType: 'quality', metrics: ['unseen_rate'] }, { defaults: share }),
      series('Share outside the range of the reference', { queryType: 'quality', metrics: ['below_rate', 'above_rate'] }, { defaults: share }),
      series('Share of NaN and infinities', { queryType: 'quality', metrics: ['nan_rate', 'infinity_rate'] }, { defaults: share }),
    ]
  ),
  comparison: dashboard(
    'driftline-comparison',
    'Driftline: comparison',
    'Two versions or variants side by side: rates, differences and whether chance makes as large ones.',
    [
      MODEL,
      variable('by', 'Sides by', { of: 'columns', model: '$model' }),
      { type: 'textbox', name: 'baseline', label: 'Against', query: '1', current: { text: '1', value: '1' } },
    ],
    [
      table('Over the whole time', { queryType: 'compare', by: '$by', baseline: '$baseline' }, { width: 24 }),
      series('Difference of accuracy', { queryType: 'compare', by: '$by', baseline: '$baseline', window: '1d' }),
      series('Accuracy of each', { queryType: 'performance', by: '$by', window: '1d' }, { defaults: share }),
      series('Predictions of each', { queryType: 'volume', metrics: ['predictions'], by: '$by', window: '1d' }),
      series('p99 latency of each', { queryType: 'operations', metrics: ['p99'], by: '$by', window: '1d' }, { defaults: { unit: 'ms' } }),
    ]
  ),
};

export const text = (one) => `${JSON.stringify(one, null, 2)}\n`;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, one] of Object.entries(dashboards)) {
    writeFileSync(new URL(`../src/dashboards/${name}.json`, import.meta.url), text(one));
  }
}
