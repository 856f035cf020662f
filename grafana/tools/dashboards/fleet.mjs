// @ts-check
// All models at a glance.
import { dashboard, link, METRIC, MODELS, to } from './frame.mjs';
import { alerts, count, drift, METRIC_ONLY, milliseconds, most, rate } from './looks.mjs';
import { number, PSI, row, series } from './panels.mjs';

const HEALTH = [link('Health of ${model}', to('model', { model: '${model}', metric: '${metric}' }))];

export const fleet = dashboard('fleet', 'fleet', 'All models at a glance: a row each, which leads to the model.', [MODELS, METRIC], [
  alerts('Alerts of all models', { model: '' }, { height: 6 }),
  { ...row('$model'), repeat: 'model' },
  number('Predictions', { queryType: 'volume', metrics: ['predictions'] }, {
    width: 4,
    description: 'How many predictions were made in this time.',
    defaults: count,
    links: HEALTH,
  }),
  number('$metric', { queryType: 'performance', metrics: ['$metric'] }, {
    width: 4,
    description: 'Of all predictions of this time whose truth is known by now.',
    options: { reduceOptions: { calcs: ['lastNotNull'], fields: METRIC_ONLY, values: false } },
    links: [link('Performance of ${model}', to('performance', { model: '${model}', metric: '${metric}' }))],
  }),
  number('Worst drift, last 7 days', { queryType: 'drift' }, {
    width: 4,
    timeFrom: '7d',
    description: 'The largest PSI of any feature: 0.1 is worth a look, 0.2 is drift.',
    defaults: { thresholds: PSI, decimals: 2 },
    options: { reduceOptions: { calcs: ['max'], fields: '/^value$/', values: false } },
    links: [link('Drift of ${model}', to('drift', { model: '${model}' }))],
  }),
  number('Error rate', { queryType: 'operations', metrics: ['error_rate'] }, {
    width: 4,
    description: 'The share of calls that failed.',
    defaults: { unit: 'percentunit', thresholds: most(0.005, 0.01), decimals: 2 },
    links: [link('Operations of ${model}', to('operations', { model: '${model}' }))],
  }),
  number('p99 latency', { queryType: 'operations', metrics: ['p99'] }, {
    width: 4,
    description: 'Of a hundred calls the slowest took so long.',
    defaults: { ...milliseconds, decimals: 0 },
    links: [link('Operations of ${model}', to('operations', { model: '${model}' }))],
  }),
  number('Nulls, worst column', { queryType: 'quality', metrics: ['null_rate'] }, {
    width: 4,
    description: 'The largest share of nulls of any column.',
    defaults: { unit: 'percentunit', thresholds: most(0.01, 0.05), decimals: 2 },
    transformations: [
      { id: 'reduce', options: { reducers: ['max'], mode: 'seriesToRows', includeTimeField: false, labelsToFields: false } },
    ],
    options: { reduceOptions: { calcs: ['max'], fields: '', values: false } },
    links: [link('Data quality of ${model}', to('quality', { model: '${model}' }))],
  }),
  series('Drift of features by day', { queryType: 'drift', window: '1d' }, {
    width: 24,
    height: 7,
    description: 'PSI of each feature against the reference. A line leads to its feature.',
    defaults: drift,
  }),
]);
