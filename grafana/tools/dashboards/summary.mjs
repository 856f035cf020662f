// @ts-check
// One screen for who answers for a model: is it used, is it right, did the world move, is somebody called?
import { dashboard, link, METRIC, MODEL, to } from './frame.mjs';
import { alerts, count, drift, inState, least, METRIC_ONLY, most, only, performance, rate, share, without } from './looks.mjs';
import { number, PSI, series } from './panels.mjs';

export const summary = dashboard(
  'summary',
  'executive summary',
  'One screen: is the model used, is it right, did the world move, and is somebody called?',
  [MODEL, METRIC],
  [
    number('Predictions', { queryType: 'volume', metrics: ['predictions'] }, {
      width: 4,
      description: 'How many predictions were made in this time.',
      defaults: count,
      links: [link('Model health', to('model', { model: '${model}' }))],
    }),
    number('$metric, last 7 days', { queryType: 'performance', metrics: ['$metric'] }, {
      width: 5,
      timeFrom: '7d',
      description: 'Of predictions of the last seven days whose truth is known by now.',
      options: { reduceOptions: { calcs: ['lastNotNull'], fields: METRIC_ONLY, values: false } },
      links: [link('Performance', to('performance', { model: '${model}', metric: '${metric}' }))],
    }),
    number('$metric, all this time', { queryType: 'performance', metrics: ['$metric'] }, {
      width: 5,
      description: 'Of all predictions of this time whose truth is known by now: what the last days are measured with.',
      options: { reduceOptions: { calcs: ['lastNotNull'], fields: METRIC_ONLY, values: false } },
      links: [link('Performance', to('performance', { model: '${model}', metric: '${metric}' }))],
    }),
    number('Truth known', { queryType: 'performance', metrics: ['$metric'] }, {
      width: 3,
      description: 'The share of predictions whose truth has come. What is said of performance rests on these.',
      defaults: { ...share, decimals: 0, thresholds: least(0.5, 0.2) },
      options: { reduceOptions: { calcs: ['lastNotNull'], fields: '/coverage/', values: false } },
    }),
    number('Worst drift', { queryType: 'drift' }, {
      width: 4,
      timeFrom: '7d',
      description: 'The largest PSI of any feature over the last seven days: 0.1 is worth a look, 0.2 is drift.',
      defaults: { thresholds: PSI, decimals: 2 },
      options: { reduceOptions: { calcs: ['max'], fields: '/^value$/', values: false } },
      links: [link('Drift', to('drift', { model: '${model}' }))],
    }),
    inState('Alerts firing', 'firing', {
      width: 3,
      description: 'Alerts of this model that fire now.',
      defaults: { thresholds: most(1, 1) },
      links: [link('Alerts', to('alerts', { model: '${model}' }))],
    }),
    performance('$metric by day, with 95 % interval and share of labels', { metrics: ['$metric'], window: '1d' }, {
      width: 12,
      height: 7,
      description: 'A point stands at the end of its day. Truth that is not known yet comes later, and with it the last days change.',
    }),
    series('Drift of features by day', { queryType: 'drift', window: '1d' }, {
      width: 12,
      height: 7,
      description: 'PSI of each feature against the reference. A line leads to its feature.',
      defaults: drift,
    }),
    series('Predictions by day', { queryType: 'volume', window: '1d', metrics: ['predictions', 'labelled'] }, {
      width: 6,
      height: 7,
      description: 'Predictions, and those of them whose truth is known.',
      defaults: { ...count, custom: { fillOpacity: 15 } },
    }),
    series('Business metrics by day', { queryType: 'series', metrics: ['sum'], window: '1d' }, {
      width: 6,
      height: 7,
      description: 'Sums of the metric series of the model: what it is worth, what it costs.',
      defaults: { displayName: '${__field.labels.series}', links: [link('Metric series', to('series', { model: '${model}' }))] },
    }),
    series('Errors by day', { queryType: 'operations', window: '1d', metrics: ['error_rate'] }, {
      width: 6,
      height: 7,
      description: 'The share of calls that failed.',
      defaults: { ...rate, displayName: 'error rate' },
    }),
    alerts('What fires', {}, {
      width: 6,
      height: 7,
      description: 'Rules that are breached now, with the value that they judged.',
      defaults: { noValue: 'Nothing fires' },
      transformations: [only('firing'), without('model', 'version', 'severity', 'state', 'since', 'metric', 'condition', 'note')],
    }),
  ]
);
