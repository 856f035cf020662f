// @ts-check
// Which feature moved, when, and how its values look before and after.
import { dashboard, FEATURE, MODEL, WINDOW } from './frame.mjs';
import { drift as look, share, statistics } from './looks.mjs';
import { heatmap, panel, PSI, row, series } from './panels.mjs';

export const drift = dashboard(
  'drift',
  'drift',
  'Which feature moved, when, and how its values look before and after.',
  [MODEL, FEATURE, WINDOW],
  [
    heatmap('PSI by feature', { queryType: 'drift', window: '$window', format: 'heatmap' }, {
      width: 24,
      height: 10,
      description: 'A cell is a feature in a window that ends where the cell does: 0.1 is worth a look, 0.2 is drift.',
      // Past a clear drift all is one colour.
      options: { color: { mode: 'scheme', scheme: 'RdYlGn', reverse: false, steps: 64, scale: 'linear', exponent: 0.5, fill: 'red', min: 0, max: 0.3 } },
    }),
    row('$feature'),
    panel('barchart', 'Values of $feature: reference and this time', { queryType: 'distribution', features: ['$feature'], format: 'table' }, {
      height: 9,
      description: 'Shares of values by bin or category, in the reference and in the time of the dashboard.',
      defaults: { unit: 'percentunit', decimals: 1, min: 0 },
      overrides: {
        '/^reference/': { displayName: 'reference', color: { mode: 'fixed', fixedColor: 'semi-dark-blue' } },
        '/^now/': { displayName: 'this time', color: { mode: 'fixed', fixedColor: 'orange' } },
      },
      options: { groupWidth: 0.8, barWidth: 0.95, xTickLabelRotation: -45, xTickLabelMaxLength: 16, legend: { showLegend: true, displayMode: 'list', placement: 'bottom', calcs: [] } },
    }),
    series('Drift of $feature', { queryType: 'drift', features: ['$feature'], metrics: ['psi', 'ks', 'js'], window: '$window' }, {
      height: 9,
      description: 'How far the feature moved from the reference, by several measures.',
      defaults: { ...look, displayName: '${__field.name}', links: [] },
    }),
    heatmap('Values of $feature over time', { queryType: 'distribution', features: ['$feature'], window: '$window', format: 'heatmap' }, {
      height: 9,
      description: 'A row is a bin or a category, its colour the share of values that it holds in a window.',
      options: {
        cellValues: { unit: 'percentunit' },
        color: { mode: 'scheme', scheme: 'Blues', reverse: false, steps: 64, scale: 'linear', exponent: 0.5, fill: 'blue', min: 0 },
      },
    }),
    series('Mean and range of $feature', { queryType: 'quality', features: ['$feature'], metrics: ['mean', 'min', 'max'], window: '$window' }, {
      height: 9,
      description: 'Of a feature of categories there are none.',
      defaults: { displayName: '${__field.name}' },
    }),
    statistics('Statistics of $feature over the whole time', { features: ['$feature'], metrics: ['psi', 'ks', 'chi2', 'js', 'wasserstein_norm', 'mean_shift'] }, {
      width: 24,
      description: 'Those that a feature of this kind does not have say why.',
      options: { sortBy: [] },
    }),
    row('What the model says'),
    series('Drift of score and prediction', { queryType: 'drift', features: ['score', 'prediction'], window: '$window' }, {
      description: 'PSI of what the model says, which moves before the truth is known.',
      defaults: look,
    }),
    series('What was predicted', { queryType: 'predictions', window: '$window' }, {
      description: 'The share of each class, or of each bin of predicted values.',
      defaults: {
        ...share,
        displayName: '${__field.labels.prediction}',
        custom: { stacking: { mode: 'normal', group: 'A' }, fillOpacity: 40, lineWidth: 1 },
      },
    }),
    row('All features'),
    statistics('Drift of all features over the whole time', { metrics: ['psi', 'js'] }, {
      width: 24,
      height: 9,
      description: 'A feature leads to its drift.',
      overrides: { value: { decimals: 3, thresholds: PSI, custom: { cellOptions: { type: 'color-text' } } } },
    }),
  ]
);
