// @ts-check
// Is the model right, did its inputs move, and is it served well?
import { dashboard, link, METRIC, MODEL, to, WINDOW } from './frame.mjs';
import { alerts, count, drift, METRIC_ONLY, milliseconds, most, performance, rate, share, statistics } from './looks.mjs';
import { number, PSI, row, series } from './panels.mjs';

export const model = dashboard(
  'model',
  'model health',
  'Is the model right, did its inputs move, and is it served well?',
  [MODEL, METRIC, WINDOW],
  [
    row('Summary'),
    number('Predictions', { queryType: 'volume', metrics: ['predictions'] }, {
      width: 4,
      description: 'How many predictions were made in this time.',
      defaults: count,
    }),
    number('With a label', { queryType: 'volume', metrics: ['labelled'] }, {
      width: 4,
      description: 'Those of them whose truth is known by now.',
      defaults: count,
    }),
    number('$metric', { queryType: 'performance', metrics: ['$metric'] }, {
      width: 4,
      description: 'Of all predictions of this time whose truth is known by now.',
      options: { reduceOptions: { calcs: ['lastNotNull'], fields: METRIC_ONLY, values: false } },
      links: [link('Performance', to('performance', { model: '${model}', metric: '${metric}' }))],
    }),
    number('Worst drift', { queryType: 'drift' }, {
      width: 4,
      description: 'The largest PSI of any feature over this time: 0.1 is worth a look, 0.2 is drift.',
      defaults: { thresholds: PSI, decimals: 2 },
      options: { reduceOptions: { calcs: ['max'], fields: '/^value$/', values: false } },
      links: [link('Drift', to('drift', { model: '${model}' }))],
    }),
    number('p99 latency', { queryType: 'operations', metrics: ['p99'] }, {
      width: 4,
      description: 'Of a hundred calls the slowest took so long.',
      defaults: { ...milliseconds, decimals: 0 },
      links: [link('Operations', to('operations', { model: '${model}' }))],
    }),
    number('Error rate', { queryType: 'operations', metrics: ['error_rate'] }, {
      width: 4,
      description: 'The share of calls that failed.',
      defaults: { unit: 'percentunit', thresholds: most(0.005, 0.01), decimals: 2 },
      links: [link('Operations', to('operations', { model: '${model}' }))],
    }),
    alerts('Alerts', {}, { height: 6 }),
    row('Performance'),
    performance('$metric, with 95 % interval and share of labels', { metrics: ['$metric'], window: '$window' }, {
      width: 16,
      description: 'A point stands at the end of its window. Where few labels have come the interval is wide.',
    }),
    series('Predictions and labels', { queryType: 'volume', window: '$window' }, {
      width: 8,
      description: 'Predictions, and those of them whose truth is known.',
      defaults: { ...count, custom: { fillOpacity: 15 } },
    }),
    row('Drift'),
    series('Drift of features', { queryType: 'drift', window: '$window' }, {
      width: 14,
      description: 'PSI of each feature against the reference. A line leads to its feature.',
      defaults: drift,
    }),
    statistics('Drift over the whole time', { metrics: ['psi'] }, {
      width: 10,
      description: 'A feature leads to its drift.',
      overrides: { value: { decimals: 3, thresholds: PSI, custom: { cellOptions: { type: 'color-text' } } } },
    }),
    row('Predictions'),
    series('What was predicted', { queryType: 'predictions', window: '$window' }, {
      description: 'The share of each class, or of each bin of predicted values.',
      defaults: {
        ...share,
        displayName: '${__field.labels.prediction}',
        custom: { stacking: { mode: 'normal', group: 'A' }, fillOpacity: 40, lineWidth: 1 },
      },
    }),
    series('Drift of score and prediction', { queryType: 'drift', features: ['score', 'prediction'], window: '$window' }, {
      description: 'PSI of what the model says, which moves before the truth is known.',
      defaults: drift,
    }),
    row('System'),
    series('Latency', { queryType: 'operations', metrics: ['p50', 'p95', 'p99'], window: '$window' }, {
      width: 8,
      description: 'Percentiles of how long a prediction took.',
      defaults: milliseconds,
    }),
    series('Throughput', { queryType: 'operations', metrics: ['throughput'], window: '$window' }, {
      width: 8,
      description: 'Predictions per second.',
      defaults: { min: 0 },
    }),
    series('Errors', { queryType: 'operations', metrics: ['error_rate'], window: '$window' }, {
      width: 8,
      description: 'The share of calls that failed.',
      defaults: { ...rate, displayName: 'error rate' },
    }),
  ]
);
