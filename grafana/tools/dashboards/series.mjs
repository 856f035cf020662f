// @ts-check
// Metric series: what the model is worth to the business, and how its training went.
import { dashboard, MODEL, variable, WINDOW } from './frame.mjs';
import { performance } from './looks.mjs';
import { panel, row, series as lines } from './panels.mjs';

/** @import { Asked } from './types' */

const NAMED = { displayName: '${__field.labels.series}' };
const CHOSEN = /** @type {Asked} */ ({ queryType: 'series', features: ['$series'], window: '$window' });

export const series = dashboard(
  'series',
  'metric series',
  'Named numbers of a model over time: what it is worth to the business, what it costs, how its training went.',
  [
    MODEL,
    variable('series', 'Series', { of: 'series', model: '$model' }, {
      multi: true,
      includeAll: true,
      current: { text: ['All'], value: ['$__all'] },
    }),
    WINDOW,
  ],
  [
    panel('stat', 'Sums of this time', { queryType: 'series', features: ['$series'], metrics: ['sum'], whole: true }, {
      width: 24,
      height: 4,
      description: 'All values of a series added up: of money and of counts.',
      defaults: { ...NAMED, unit: 'short', decimals: 1 },
      options: { reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false }, colorMode: 'none', graphMode: 'none', textMode: 'value_and_name' },
    }),
    lines('Sum of each window', { ...CHOSEN, metrics: ['sum'] }, {
      description: 'All values of a window added up: of money and of counts.',
      defaults: NAMED,
    }),
    lines('Mean of each window', { ...CHOSEN, metrics: ['mean'] }, {
      description: 'Of what is measured again and again, such as a loss or a load.',
      defaults: NAMED,
    }),
    row('Beside the model'),
    performance('Performance', { metrics: [], window: '$window' }, {
      description: 'The usual metric of the model: whether worth follows it.',
    }),
    lines('Points of each window', { ...CHOSEN, metrics: ['count'] }, {
      description: 'How many values came: a gap here is a gap in all above.',
      defaults: { ...NAMED, min: 0, decimals: 0 },
    }),
  ]
);
