// @ts-check
// How the model is served: latency, throughput, failures.
import { dashboard, MODEL, variable, WINDOW } from './frame.mjs';
import { count, milliseconds, most, rate } from './looks.mjs';
import { number, row, series } from './panels.mjs';

export const operations = dashboard(
  'operations',
  'operations',
  'How the model is served: latency, throughput, failures.',
  [MODEL, WINDOW, variable('by', 'Groups by', { of: 'columns', model: '$model' }, { sort: 0 })],
  [
    number('p50 latency', { queryType: 'operations', metrics: ['p50'] }, {
      width: 4,
      description: 'Half of the calls took at most so long.',
      defaults: { ...milliseconds, decimals: 1 },
    }),
    number('p95 latency', { queryType: 'operations', metrics: ['p95'] }, {
      width: 4,
      description: 'Of twenty calls the slowest took so long.',
      defaults: { ...milliseconds, decimals: 1 },
    }),
    number('p99 latency', { queryType: 'operations', metrics: ['p99'] }, {
      width: 4,
      description: 'Of a hundred calls the slowest took so long.',
      defaults: { ...milliseconds, decimals: 1 },
    }),
    number('Throughput', { queryType: 'operations', metrics: ['throughput'] }, {
      width: 4,
      description: 'Predictions per second over this time.',
      defaults: { decimals: 3 },
    }),
    number('Error rate', { queryType: 'operations', metrics: ['error_rate'] }, {
      width: 4,
      description: 'The share of calls that failed.',
      defaults: { unit: 'percentunit', thresholds: most(0.005, 0.01), decimals: 2 },
    }),
    number('Predictions', { queryType: 'volume', metrics: ['predictions'] }, {
      width: 4,
      description: 'How many predictions were made in this time.',
      defaults: count,
    }),
    series('Latency', { queryType: 'operations', metrics: ['p50', 'p90', 'p95', 'p99'], window: '$window' }, {
      width: 16,
      description: 'Percentiles of how long a prediction took; a point stands at the end of its window.',
      defaults: milliseconds,
    }),
    series('Errors', { queryType: 'operations', metrics: ['error_rate'], window: '$window' }, {
      width: 8,
      description: 'The share of calls that failed. The lines are half a percent and one.',
      defaults: {
        ...rate,
        displayName: 'error rate',
        decimals: 2,
        thresholds: most(0.005, 0.01),
        color: { mode: 'palette-classic' },
        custom: { ...rate.custom, thresholdsStyle: { mode: 'dashed' }, fillOpacity: 10 },
      },
    }),
    series('Throughput', { queryType: 'operations', metrics: ['throughput'], window: '$window' }, {
      description: 'Predictions per second.',
      defaults: { min: 0, displayName: 'predictions per second', custom: { fillOpacity: 15 } },
    }),
    series('Mean and extreme latency', { queryType: 'operations', metrics: ['mean', 'p99.9'], window: '$window' }, {
      description: 'A mean far above the median tells of a few that are very slow.',
      defaults: milliseconds,
    }),
    row('Groups'),
    series('p95 latency by $by', { queryType: 'operations', metrics: ['p95'], by: '$by', window: '$window' }, {
      description: 'For each value of a column.',
      defaults: { ...milliseconds, displayName: '${__field.labels.__values}' },
    }),
    series('Errors by $by', { queryType: 'operations', metrics: ['error_rate'], by: '$by', window: '$window' }, {
      description: 'The share of calls that failed, for each value of a column.',
      defaults: { ...rate, displayName: '${__field.labels.__values}' },
    }),
  ]
);
