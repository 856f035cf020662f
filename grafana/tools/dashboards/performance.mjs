// @ts-check
// How good the model is, and how much of the truth is known yet.
import { choice, dashboard, METRIC, MODEL, variable, WINDOW } from './frame.mjs';
import { count, GROUPS, least, METRIC_ONLY, performance as look, share } from './looks.mjs';
import { number, row, series } from './panels.mjs';

export const performance = dashboard(
  'performance',
  'performance',
  'How good the model is, and how much of the truth is known yet.',
  [
    MODEL,
    METRIC,
    WINDOW,
    choice('delay', 'Known after', ['2d', '1d', '4d', '7d', '14d']),
    variable('by', 'Groups by', { of: 'columns', model: '$model' }, { sort: 0 }),
  ],
  [
    number('$metric', { queryType: 'performance', metrics: ['$metric'] }, {
      description: 'Of all predictions of this time whose truth is known by now.',
      options: { reduceOptions: { calcs: ['lastNotNull'], fields: METRIC_ONLY, values: false } },
    }),
    number('95 % interval', { queryType: 'performance', metrics: ['$metric'] }, {
      description: 'Where the value may lie that all labels would give, by chance alone.',
      overrides: { '/ lower/': { displayName: 'from' }, '/ upper/': { displayName: 'to' } },
      options: { reduceOptions: { calcs: ['lastNotNull'], fields: '/^(from|to)$/', values: false }, textMode: 'value_and_name', orientation: 'vertical' },
    }),
    number('Predictions with a label', { queryType: 'volume', metrics: ['labelled'] }, {
      description: 'Predictions of this time whose truth is known by now.',
      defaults: count,
    }),
    number('Share of labels', { queryType: 'performance', metrics: ['$metric'] }, {
      description: 'Of all predictions of this time. What is said of performance rests on these.',
      defaults: { ...share, decimals: 1, thresholds: least(0.5, 0.2) },
      options: { reduceOptions: { calcs: ['lastNotNull'], fields: '/coverage/', values: false } },
    }),
    look('$metric by time of prediction', { metrics: ['$metric'], window: '$window' }, {
      width: 24,
      height: 9,
      description: 'A point stands at the end of its window. Labels that come later change windows that are past.',
    }),
    row('Label delay'),
    look('$metric by the time at which labels came', { metrics: ['$metric'], window: '$window', timeOf: 'label' }, {
      description: 'What was known of the model at a time: of the labels that came in a window, whenever their predictions were made.',
    }),
    series('$metric as known soon, and by now', [
      { queryType: 'performance', metrics: ['$metric'], window: '$window', asOf: '$delay' },
      { queryType: 'performance', metrics: ['$metric'], window: '$window' },
    ], {
      description: 'Of each window by the labels that had come some time after its end, and by all that have come since. A gap is what the first labels did not tell.',
      overrides: {
        '/ (lower|upper)|coverage/': { custom: { hideFrom: { viz: true, legend: true, tooltip: true } } },
        '@A': { displayName: 'known $delay after' },
        '@B': { displayName: 'known by now' },
      },
    }),
    series('Share of predictions whose truth is known', { queryType: 'performance', window: '$window', metrics: ['$metric'] }, {
      description: 'The last windows wait for their labels: what they say may change.',
      defaults: { ...share, custom: { fillOpacity: 20 } },
      overrides: {
        [METRIC_ONLY]: { custom: { hideFrom: { viz: true, legend: true, tooltip: true } } },
        '/ (lower|upper)/': { custom: { hideFrom: { viz: true, legend: true, tooltip: true } } },
        '/coverage/': { displayName: 'share of labels' },
      },
    }),
    series('Predictions and labels', { queryType: 'volume', window: '$window' }, {
      description: 'Predictions by their time, and those of them whose truth is known by now.',
      defaults: { ...count, custom: { fillOpacity: 15 } },
    }),
    row('Groups'),
    series('$metric by $by', { queryType: 'performance', metrics: ['$metric'], by: '$by', window: '$window' }, {
      width: 16,
      description: 'The metric for each value of a column.',
      overrides: GROUPS,
    }),
    series('Predictions by $by', { queryType: 'volume', metrics: ['predictions'], by: '$by', window: '$window' }, {
      width: 8,
      description: 'How many predictions each group has.',
      defaults: { ...count, displayName: '${__field.labels.__values}' },
    }),
  ]
);
