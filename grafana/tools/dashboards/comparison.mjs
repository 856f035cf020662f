// @ts-check
// Two versions or variants side by side.
import { dashboard, MODEL, variable } from './frame.mjs';
import { count, GROUPS, milliseconds, rate } from './looks.mjs';
import { series, table } from './panels.mjs';

const SIDES = /** @type {const} */ ({ by: '$by', window: '1d' });
const NAMED = { displayName: '${__field.labels.__values}' };

export const comparison = dashboard(
  'comparison',
  'comparison',
  'Versions or variants side by side: rates, differences and whether chance makes as large ones.',
  [
    MODEL,
    variable('by', 'Sides by', { of: 'columns', model: '$model' }, { sort: 0 }),
    // Values are those in the time of the dashboard.
    variable('baseline', 'Against', { of: 'values', model: '$model', column: '$by' }, { refresh: 2, sort: 3 }),
  ],
  [
    table('Over the whole time', { queryType: 'compare', by: '$by', baseline: '$baseline', metrics: ['accuracy', 'precision', 'recall', 'selection_rate', 'error_rate'] }, {
      width: 24,
      description: 'Side a less side b, with the interval of the difference. A small p-value says that chance alone seldom makes one as large.',
      overrides: {
        'p-value': { decimals: 4 },
        difference: { decimals: 4 },
        'rows of a': { unit: 'short', decimals: 0 },
        'rows of b': { unit: 'short', decimals: 0 },
      },
      defaults: { decimals: 4, noValue: '' },
    }),
    series('Difference of accuracy by day', { queryType: 'compare', by: '$by', baseline: '$baseline', metrics: ['accuracy'], window: '1d' }, {
      description: 'Of each side from the baseline, with the ends of its interval: above zero the side is better.',
      defaults: {
        decimals: 3,
        unit: 'percentunit',
        custom: { axisCenteredZero: true },
      },
      overrides: {
        '/^difference/': { displayName: '${__field.labels.a} less ${__field.labels.b}' },
        '/^lower/': { displayName: 'lower end of 95 %', custom: { lineWidth: 0, hideFrom: { legend: true, viz: false, tooltip: false } } },
        '/^upper/': { displayName: 'upper end of 95 %', custom: { lineWidth: 0, fillBelowTo: 'lower end of 95 %', fillOpacity: 20, hideFrom: { legend: true, viz: false, tooltip: false } } },
      },
    }),
    series('Accuracy of each by day', { queryType: 'performance', metrics: ['accuracy'], ...SIDES }, {
      description: 'Of predictions whose truth is known.',
      defaults: { unit: 'percentunit' },
      overrides: GROUPS,
    }),
    series('Predictions of each by day', { queryType: 'volume', metrics: ['predictions'], ...SIDES }, {
      description: 'How many predictions each side has.',
      defaults: { ...count, ...NAMED },
    }),
    series('p99 latency of each by day', { queryType: 'operations', metrics: ['p99'], ...SIDES }, {
      description: 'Of a hundred calls of a side the slowest took so long.',
      defaults: { ...milliseconds, ...NAMED },
    }),
    series('Errors of each by day', { queryType: 'operations', metrics: ['error_rate'], ...SIDES }, {
      description: 'The share of calls of a side that failed.',
      defaults: { ...rate, ...NAMED },
    }),
    series('Drift of the prediction of each by day', { queryType: 'drift', features: ['prediction'], ...SIDES }, {
      description: 'PSI of what each side says against the reference.',
      defaults: { decimals: 3, min: 0, ...NAMED },
    }),
  ]
);
