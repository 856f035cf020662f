// @ts-check
// Whether columns come filled, in range, and with the categories that the model knows.
import { dashboard, MODEL, TO_FEATURE, WINDOW } from './frame.mjs';
import { count, rate } from './looks.mjs';
import { series } from './panels.mjs';

/** @import { Field } from './types' */

const of = /** @type {Field<'timeseries'>} */ ({ ...rate, displayName: '${__field.labels.feature}', links: [TO_FEATURE] });

export const quality = dashboard(
  'quality',
  'data quality',
  'Whether columns come filled, in range, and with the categories that the model knows.',
  [MODEL, WINDOW],
  [
    series('Predictions', { queryType: 'volume', metrics: ['predictions'], window: '$window' }, {
      width: 24,
      height: 6,
      description: 'How many predictions came: a gap here is a gap in all below.',
      defaults: { ...count, custom: { fillOpacity: 15 } },
    }),
    series('Share of nulls', { queryType: 'quality', metrics: ['null_rate'], window: '$window' }, {
      description: 'By column. A line leads to its feature.',
      defaults: of,
    }),
    series('Share of unseen categories', { queryType: 'quality', metrics: ['unseen_rate'], window: '$window' }, {
      description: 'Values of categories that the reference does not have.',
      defaults: of,
    }),
    series('Share below the range of the reference', { queryType: 'quality', metrics: ['below_rate'], window: '$window' }, {
      description: 'Numbers that are smaller than all of the reference.',
      defaults: of,
    }),
    series('Share above the range of the reference', { queryType: 'quality', metrics: ['above_rate'], window: '$window' }, {
      description: 'Numbers that are larger than all of the reference.',
      defaults: of,
    }),
    series('Share of NaN', { queryType: 'quality', metrics: ['nan_rate'], window: '$window' }, {
      description: 'Numbers that are none, which are told from nulls.',
      defaults: of,
    }),
    series('Distinct values', { queryType: 'quality', metrics: ['distinct'], window: '$window' }, {
      description: 'How many different categories a column has, of numbers how many bins of the reference are filled.',
      defaults: { ...count, displayName: '${__field.labels.feature}', links: [TO_FEATURE] },
    }),
  ]
);
