// @ts-check
// Whether columns come filled, in range, and with the categories that the model knows.
import { dashboard, MODEL, TO_FEATURE, WINDOW } from './frame.mjs';
import { count, rate } from './looks.mjs';
import { number, row, series } from './panels.mjs';

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
    row('What came in'),
    ...[
      ['Rows taken', 'accepted', 'Predictions that were stored, of those that came in this time: by the time at which they came.'],
      ['Duplicates', 'duplicate_rate', 'The share of rows that were there already.'],
      ['Refused', 'refused_rate', 'The share of rows that broke a rule.'],
      ['Labels', 'labels', 'Labels that came in this time.'],
      ['Predictions came after', 'delay_p95', 'Nineteen of twenty predictions came within so long of when they were made.'],
      ['Labels came after', 'label_delay_p95', 'Nineteen of twenty labels came within so long of when they were known.'],
    ].map(([title, metric, description]) =>
      number(title ?? '', { queryType: 'quality', metrics: [metric ?? ''] }, { width: 4, description })
    ),
    row('Columns'),
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
