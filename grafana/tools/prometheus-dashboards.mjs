// Writes dashboards-prometheus/*.json: `node tools/prometheus-dashboards.mjs`. These are for Grafana's own
// Prometheus data source, asked of Driftline's HTTP port; those in src/dashboards are for the plugin. What is
// written is kept in the repository: a test checks that it is what this makes, and the test of the server
// (tests/it/prometheus_dashboards.rs) asks every expression.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SOURCE = { type: 'prometheus', uid: '${source}' };
/** Columns of a dashboard. */
const WIDTH = 24;
/** What all panels are about. */
const OF = 'model="$model",version=~"$version",window="$window"';
/** All versions together. */
const ALL = 'model="$model",version="",window="$window"';
/** Points lie no closer than this: windows that lie whole lengths apart come from one query. */
const STEP = '1h';

const thresholds = (steps) => ({
  mode: 'absolute',
  steps: steps.map(([value, color]) => ({ value, color })),
});
/** The usual bounds of PSI: 0.1 is worth a look, 0.2 is drift. */
const PSI = thresholds([[null, 'green'], [0.1, 'yellow'], [0.2, 'red']]);
const share = { unit: 'percentunit' };
const drift = { thresholds: PSI, decimals: 3, custom: { thresholdsStyle: { mode: 'line' } } };

const target = (expr, legendFormat, more) => ({
  datasource: SOURCE,
  expr,
  legendFormat,
  editorMode: 'code',
  range: true,
  interval: STEP,
  ...more,
});

/** A panel of expressions with their legends. */
function panel(type, title, asked, { width = 12, height = 8, defaults = {}, options = {}, target: of, ...more } = {}) {
  const targets = asked.map(([expr, legend], at) => ({ refId: 'ABCDEFGH'[at], ...target(expr, legend, of) }));
  return {
    type,
    title,
    datasource: SOURCE,
    targets,
    gridPos: { w: width, h: height },
    fieldConfig: { defaults, overrides: [] },
    options,
    ...more,
  };
}

const INSTANT = { instant: true, range: false };
const TABLE = { ...INSTANT, format: 'table' };
const row = (title, more) => ({ type: 'row', title, collapsed: false, gridPos: { w: WIDTH, h: 1 }, panels: [], ...more });
const graph = (title, asked, more) => panel('timeseries', title, asked, more);
const number = (title, expr, more) =>
  panel('stat', title, [[expr, '']], { width: 4, height: 4, target: INSTANT, ...more });
const bars = (title, asked, more) =>
  panel('bargauge', title, asked, {
    target: INSTANT,
    options: { orientation: 'horizontal', displayMode: 'basic', reduceOptions: { calcs: ['lastNotNull'] } },
    ...more,
  });
const grid = (title, asked, more) =>
  panel('status-history', title, asked, {
    width: 24,
    height: 12,
    options: { showValue: 'never', rowHeight: 0.9 },
    target: { interval: '1d' },
    ...more,
  });
const table = (title, asked, { key, ...more } = {}) =>
  panel('table', title, asked, {
    width: 24,
    target: TABLE,
    transformations: [
      { id: 'joinByField', options: { byField: key, mode: 'outer' } },
      { id: 'organize', options: { excludeByName: { Time: true } } },
    ],
    ...more,
  });

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

const variable = (name, label, query, more = {}) => ({
  type: 'query',
  name,
  label,
  datasource: SOURCE,
  definition: query,
  query: { qryType: 1, query, refId: 'PrometheusVariableQueryEditor-VariableQuery' },
  refresh: 2,
  sort: 1,
  ...more,
});
const custom = (name, label, values, chosen) => ({
  type: 'custom',
  name,
  label,
  query: values.join(','),
  current: { text: chosen, value: chosen },
  options: values.map((value) => ({ text: value, value, selected: value === chosen })),
});
const MODEL = variable('model', 'Model', 'label_values(driftline_predictions, model)');
const VERSION = variable('version', 'Version', 'label_values(driftline_predictions{model="$model"}, version)', {
  multi: true,
  includeAll: true,
  allValue: '.*',
  current: { text: ['All'], value: ['$__all'] },
});
const FEATURE = variable('feature', 'Feature', 'label_values(driftline_psi{model="$model"}, feature)');
const WINDOW = custom('window', 'Window', ['1h', '6h', '1d', '7d', '14d', '30d'], '1d');

/** Firings of alerts, as regions in each graph: of the model, or of all. */
const firings = (model) => ({
  name: 'Alerts',
  datasource: SOURCE,
  enable: true,
  iconColor: 'red',
  expr: `driftline_alert_state{${model ? 'model="$model",' : ''}state="firing"}`,
  step: STEP,
  titleFormat: '{{rule}} {{feature}}',
  tagKeys: 'model,version,severity',
});

function dashboard(name, title, description, variables, panels) {
  return {
    uid: `driftline-prometheus-${name}`,
    title: `Driftline (Prometheus): ${title}`,
    description,
    tags: ['driftline', 'driftline-prometheus'],
    schemaVersion: 41,
    editable: true,
    time: { from: 'now-30d', to: 'now' },
    refresh: '5m',
    annotations: { list: [firings(variables.includes(MODEL))] },
    templating: {
      list: [{ type: 'datasource', name: 'source', label: 'Driftline', query: SOURCE.type }, ...variables],
    },
    links: [
      { type: 'dashboards', title: 'Driftline', tags: ['driftline-prometheus'], asDropdown: true, keepTime: true, includeVars: true },
    ],
    panels: laidOut(panels),
  };
}

/** The newest window of the time shown that has a value: labels come late. */
const newest = (expr) => `last_over_time(${expr}[$__range])`;

const fleet = dashboard('fleet', 'fleet', 'All models at a glance.', [WINDOW], [
  number('Models', 'count(count by (model) (driftline_predictions{version="",window="$window"}))', { width: 6 }),
  number('Predictions', 'sum(driftline_predictions{version="",window="$window"})', { width: 6 }),
  number('Models that drift', 'count(max by (model) (driftline_psi{version="",window="$window"}) > 0.2) or vector(0)', {
    width: 6,
    defaults: { thresholds: thresholds([[null, 'green'], [1, 'red']]) },
  }),
  number('Alerts that fire', 'count(driftline_alert_state{state="firing"}) or vector(0)', {
    width: 6,
    defaults: { thresholds: thresholds([[null, 'green'], [1, 'red']]) },
  }),
  table(
    'Models',
    [
      ['sum by (model) (driftline_predictions{version="",window="$window"})', 'predictions'],
      [`max by (model) (${newest('driftline_accuracy{version="",window="$window"}')})`, 'accuracy'],
      ['max by (model) (driftline_psi{version="",window="$window"})', 'largest PSI'],
      ['max by (model) (driftline_error_ratio{version="",window="$window"})', 'errors'],
      ['max by (model) (driftline_latency_seconds{version="",window="$window",quantile="0.99"})', 'p99 latency'],
      ['time() - max by (model) (driftline_newest_prediction_timestamp_seconds{version=""})', 'age of the newest'],
    ],
    { key: 'model' }
  ),
  graph('Largest PSI of a feature', [['max by (model) (driftline_psi{version="",window="$window"})', '{{model}}']], { defaults: drift }),
  graph('Accuracy', [['driftline_accuracy{version="",window="$window"}', '{{model}}']], { defaults: share }),
  graph('Predictions', [['driftline_predictions{version="",window="$window"}', '{{model}}']]),
  graph('Error ratio', [['driftline_error_ratio{version="",window="$window"}', '{{model}}']], { defaults: share }),
]);

const model = dashboard('model', 'model health', 'Is the model right, did its inputs move, and is it served well?', [MODEL, VERSION, WINDOW], [
  number('Predictions', `sum(driftline_predictions{${OF}})`),
  number('Accuracy', newest(`driftline_accuracy{${ALL}}`), { defaults: share }),
  number('Labelled', newest(`driftline_coverage{${ALL}}`), { defaults: share }),
  number('Largest PSI', `max(driftline_psi{${OF}})`, { defaults: { thresholds: PSI, decimals: 3 } }),
  number('p99 latency', `max(driftline_latency_seconds{${OF},quantile="0.99"})`, { defaults: { unit: 's' } }),
  number('Age of the newest', 'time() - driftline_newest_prediction_timestamp_seconds{model="$model",version=""}', { defaults: { unit: 's' } }),
  row('Performance'),
  graph(
    'Performance',
    [
      [`driftline_accuracy{${OF}}`, 'accuracy {{version}}'],
      [`driftline_f1{${OF},class=""}`, 'F1 {{version}}'],
      [`driftline_roc_auc{${OF}}`, 'ROC AUC {{version}}'],
    ],
    { width: 16, defaults: share }
  ),
  graph('Predictions and labels', [[`driftline_predictions{${OF}}`, 'predictions {{version}}'], [`driftline_predictions_labelled{${OF}}`, 'labelled {{version}}']], { width: 8 }),
  row('Drift'),
  graph('Features that moved farthest', [[`topk(10, driftline_psi{${OF}})`, '{{feature}} {{version}}']], { width: 16, defaults: drift }),
  bars('PSI now', [[`sort_desc(driftline_psi{${OF}})`, '{{feature}} {{version}}']], { width: 8, defaults: { thresholds: PSI, decimals: 3 } }),
  row('System'),
  graph('Latency', [[`driftline_latency_seconds{${OF},quantile=~"0.5|0.95|0.99"}`, '{{quantile}} {{version}}']], { width: 8, defaults: { unit: 's' } }),
  graph('Predictions a second', [[`driftline_predictions_per_second{${OF}}`, '{{version}}']], { width: 8 }),
  graph('Error ratio', [[`driftline_error_ratio{${OF}}`, '{{version}}']], { width: 8, defaults: share }),
]);

const SHARES = `driftline_feature_share{${OF},feature="$feature"`;
const drifts = dashboard('drift', 'drift', 'Which feature moved, when, and how its distribution looks before and after.', [MODEL, VERSION, FEATURE, WINDOW], [
  grid('PSI by feature', [[`driftline_psi{${OF}}`, '{{feature}} {{version}}']], {
    defaults: { thresholds: PSI, color: { mode: 'thresholds' }, decimals: 2 },
  }),
  panel('barchart', 'Distribution of $feature: reference and now', [[`sum by (place, bin, side) (${SHARES}})`, '']], {
    target: TABLE,
    defaults: share,
    options: { xField: 'bin', legend: { showLegend: true } },
    transformations: [
      { id: 'sortBy', options: { sort: [{ field: 'place' }] } },
      { id: 'groupingToMatrix', options: { columnField: 'side', rowField: 'bin', valueField: 'Value' } },
    ],
  }),
  grid('Distribution of $feature over time', [[`${SHARES},side="window"}`, '{{place}} {{bin}}']], {
    width: 12,
    height: 8,
    defaults: { ...share, color: { mode: 'continuous-BlPu' } },
  }),
  graph(
    '$feature over time',
    [
      [`driftline_psi{${OF},feature="$feature"}`, 'PSI {{version}}'],
      [`driftline_js{${OF},feature="$feature"}`, 'Jensen-Shannon {{version}}'],
    ],
    { defaults: drift }
  ),
  graph(
    'PSI of $feature in a week, if it goes on as in the last two',
    [
      [`driftline_psi{${OF},feature="$feature"}`, 'PSI {{version}}'],
      [`predict_linear(driftline_psi{${OF},feature="$feature"}[14d], 7 * 86400)`, 'in a week {{version}}'],
    ],
    { defaults: drift }
  ),
  graph('Features that left what is usual for them', [
    [`(driftline_psi{${OF}} - avg_over_time(driftline_psi{${OF}}[14d])) / stddev_over_time(driftline_psi{${OF}}[14d])`, '{{feature}} {{version}}'],
  ]),
  graph('Features that drift', [[`count by (version) (driftline_psi{${OF}} > 0.2) or 0 * count by (version) (driftline_psi{${OF}})`, '{{version}}']]),
]);

const performance = dashboard('performance', 'performance', 'How good predictions were, as labels come.', [MODEL, VERSION, WINDOW], [
  graph(
    'Right and wrong',
    [
      [`driftline_accuracy{${OF}}`, 'accuracy {{version}}'],
      [`driftline_balanced_accuracy{${OF}}`, 'balanced {{version}}'],
      [`driftline_mcc{${OF}}`, 'MCC {{version}}'],
    ],
    { defaults: share }
  ),
  graph('By class', [[`driftline_precision{${OF},class!=""}`, 'precision {{class}} {{version}}'], [`driftline_recall{${OF},class!=""}`, 'recall {{class}} {{version}}']], { defaults: share }),
  graph('Ranking', [[`driftline_roc_auc{${OF}}`, 'ROC AUC {{version}}'], [`driftline_pr_auc{${OF}}`, 'PR AUC {{version}}']], { defaults: share }),
  graph('Calibration', [[`driftline_ece{${OF}}`, 'ECE {{version}}'], [`driftline_brier{${OF}}`, 'Brier {{version}}'], [`driftline_log_loss{${OF}}`, 'log loss {{version}}']]),
  graph('Accuracy against its mean of the last week', [[`driftline_accuracy{${OF}} - avg_over_time(driftline_accuracy{${OF}}[7d])`, '{{version}}']], { defaults: share }),
  graph('Share of predictions with a label', [[`driftline_coverage{${OF}}`, '{{version}}']], { defaults: share }),
]);

const quality = dashboard('quality', 'data quality', 'Whether columns come filled, in range, and with the categories that the model knows.', [MODEL, VERSION, FEATURE, WINDOW], [
  graph('Share of nulls', [[`topk(10, driftline_null_ratio{${OF}})`, '{{feature}} {{version}}']], { defaults: share }),
  graph('Share of unseen categories', [[`driftline_unseen_ratio{${OF}}`, '{{feature}} {{version}}']], { defaults: share }),
  graph('Share outside the range of the reference', [[`driftline_out_of_range_ratio{${OF}}`, '{{feature}} {{version}}']], { defaults: share }),
  graph('Share of NaN and infinities', [[`driftline_nan_ratio{${OF}}`, 'NaN {{feature}} {{version}}'], [`driftline_infinity_ratio{${OF}}`, 'infinite {{feature}} {{version}}']], { defaults: share }),
  graph('Mean and spread of $feature', [
    [`driftline_feature_mean{${OF},feature="$feature"}`, 'mean {{version}}'],
    [`driftline_feature_mean{${OF},feature="$feature"} + driftline_feature_std{${OF},feature="$feature"}`, 'mean + sd {{version}}'],
    [`driftline_feature_mean{${OF},feature="$feature"} - driftline_feature_std{${OF},feature="$feature"}`, 'mean - sd {{version}}'],
  ]),
  graph('Range of $feature', [[`driftline_feature_min{${OF},feature="$feature"}`, 'min {{version}}'], [`driftline_feature_max{${OF},feature="$feature"}`, 'max {{version}}']]),
  row('What came in, by time of arrival'),
  graph('Rows', [[`driftline_arrived_rows{${ALL}}`, 'stored'], [`driftline_arrived_duplicates{${ALL}}`, 'duplicates'], [`driftline_arrived_refused_rows{${ALL}}`, 'refused']], { width: 8 }),
  graph('Duplicates and refused, of all rows', [[`driftline_arrived_duplicate_ratio{${ALL}}`, 'duplicates'], [`driftline_arrived_refused_ratio{${ALL}}`, 'refused']], { width: 8, defaults: share }),
  graph('Delay', [[`driftline_arrival_delay_seconds{${ALL},quantile=~"0.5|0.99"}`, 'rows {{quantile}}'], [`driftline_label_delay_seconds{${ALL},quantile=~"0.5|0.99"}`, 'labels {{quantile}}']], { width: 8, defaults: { unit: 's' } }),
]);

const operations = dashboard('operations', 'operations', 'Traffic, latency and errors of serving.', [MODEL, VERSION, WINDOW], [
  number('Predictions a second', `sum(driftline_predictions_per_second{${OF}})`, { width: 6 }),
  number('p50', `max(driftline_latency_seconds{${OF},quantile="0.5"})`, { width: 6, defaults: { unit: 's' } }),
  number('p99', `max(driftline_latency_seconds{${OF},quantile="0.99"})`, { width: 6, defaults: { unit: 's' } }),
  number('Error ratio', `driftline_error_ratio{${ALL}}`, { width: 6, defaults: share }),
  graph('Predictions a second', [[`driftline_predictions_per_second{${OF}}`, '{{version}}']]),
  graph('Latency', [[`driftline_latency_seconds{${OF}}`, '{{quantile}} {{version}}'], [`driftline_latency_mean_seconds{${OF}}`, 'mean {{version}}']], { defaults: { unit: 's' } }),
  graph('Error ratio', [[`driftline_error_ratio{${OF}}`, '{{version}}']], { defaults: share }),
  graph('Traffic against a week before', [[`driftline_predictions{${OF}} / driftline_predictions{${OF}} offset 7d`, '{{version}}']], { defaults: share }),
  grid('Latency by quantile', [[`driftline_latency_seconds{${ALL},quantile=~"0.5|0.9|0.95|0.99|0.999"}`, '{{quantile}}']], {
    height: 8,
    defaults: { unit: 's', color: { mode: 'continuous-GrYlRd' } },
  }),
]);

const A = 'model="$model",version="$a",window="$window"';
const B = 'model="$model",version="$b",window="$window"';
const sides = ['a', 'b'].map((name, at) =>
  variable(name, `Version ${name.toUpperCase()}`, 'label_values(driftline_predictions{model="$model"}, version)', { sort: at + 1 })
);
const minus = (metric, more = '') => `${metric}{${B}${more}} - ignoring(version) ${metric}{${A}${more}}`;
const comparison = dashboard('comparison', 'A/B comparison', 'Two versions of a model side by side.', [MODEL, ...sides, WINDOW], [
  number('Accuracy, B minus A', newest(`(${minus('driftline_accuracy')})`).replace('[$__range]', '[$__range:1d]'), { width: 6, defaults: share }),
  number('Predictions, B of both', `driftline_predictions{${B}} / ignoring(version) (driftline_predictions{${A}} + ignoring(version) driftline_predictions{${B}})`, { width: 6, defaults: share }),
  number('p99 latency, B minus A', minus('driftline_latency_seconds', ',quantile="0.99"'), { width: 6, defaults: { unit: 's' } }),
  number('Error ratio, B minus A', minus('driftline_error_ratio'), { width: 6, defaults: share }),
  graph('Accuracy', [[`driftline_accuracy{${A}}`, 'A: {{version}}'], [`driftline_accuracy{${B}}`, 'B: {{version}}']], { defaults: share }),
  graph('Accuracy, B minus A', [[minus('driftline_accuracy'), 'B - A']], { defaults: share }),
  graph('Predictions', [[`driftline_predictions{${A}}`, 'A: {{version}}'], [`driftline_predictions{${B}}`, 'B: {{version}}']]),
  graph('p99 latency', [[`driftline_latency_seconds{${A},quantile="0.99"}`, 'A: {{version}}'], [`driftline_latency_seconds{${B},quantile="0.99"}`, 'B: {{version}}']], { defaults: { unit: 's' } }),
  bars('PSI of features, B minus A', [[`sort_desc(${minus('driftline_psi')})`, '{{feature}}']], { width: 24, defaults: { decimals: 3 } }),
]);

const alerts = dashboard('alerts', 'alerts', 'What is pending, fires, and fired.', [
  variable('model', 'Model', 'label_values(driftline_predictions, model)', {
    multi: true,
    includeAll: true,
    allValue: '.*',
    current: { text: ['All'], value: ['$__all'] },
  }),
], [
  number('Fire', 'count(driftline_alert_state{model=~"$model",state="firing"}) or vector(0)', { width: 6 }),
  number('Are pending', 'count(driftline_alert_state{model=~"$model",state="pending"}) or vector(0)', { width: 6 }),
  number('Critical', 'count(driftline_alert_state{model=~"$model",state="firing",severity="critical"}) or vector(0)', { width: 6 }),
  number('Fired in the time shown', 'count(count by (rule, feature) (count_over_time(driftline_alert_state{model=~"$model",state="firing"}[$__range]))) or vector(0)', { width: 6 }),
  panel('state-timeline', 'When alerts fired', [['max by (rule, model, feature) (driftline_alert_state{model=~"$model",state="firing"})', '{{rule}} {{feature}}']], {
    width: 24,
    height: 10,
    options: { showValue: 'never', mergeValues: true },
    defaults: { color: { mode: 'fixed', fixedColor: 'red' } },
    target: { interval: '10m' },
  }),
  panel('table', 'Alerts now', [['driftline_alert_state{model=~"$model"}', '']], {
    width: 24,
    target: TABLE,
    transformations: [{ id: 'organize', options: { excludeByName: { Time: true, Value: true, __name__: true } } }],
  }),
]);

export const dashboards = { fleet, model, drift: drifts, performance, quality, operations, comparison, alerts };

export const text = (one) => `${JSON.stringify(one, null, 2)}\n`;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, one] of Object.entries(dashboards)) {
    writeFileSync(new URL(`../dashboards-prometheus/${name}.json`, import.meta.url), text(one));
  }
}
