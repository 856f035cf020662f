import { QueryType } from './types';

/** An entry of a menu. */
export interface Entry {
  value: string;
  label: string;
  description?: string;
}

/** Kinds of queries with what they answer. */
export const QUERY_TYPES: Array<Entry & { value: QueryType }> = [
  { value: 'drift', label: 'Drift', description: 'How far features, score and prediction moved from a reference' },
  { value: 'performance', label: 'Performance', description: 'How good predictions were whose labels are known' },
  { value: 'quality', label: 'Data quality', description: 'Nulls, odd values, ranges and unseen categories' },
  { value: 'operations', label: 'Operations', description: 'Latency, throughput and errors' },
  { value: 'distribution', label: 'Distribution', description: 'What features hold, in the reference and now' },
  { value: 'volume', label: 'Volume', description: 'How many predictions and labels came' },
  { value: 'predictions', label: 'Predictions', description: 'What was predicted: the share of each class or bin' },
  { value: 'compare', label: 'Comparison', description: 'How versions, variants or groups differ' },
  { value: 'alerts', label: 'Alerts', description: 'States of alerts now, and what became of them' },
];

const entries = (list: Array<[string, string]>): Entry[] => list.map(([value, label]) => ({ value, label }));

/** What each kind of query can measure; kinds that are not here have no such menu. */
export const METRICS: Partial<Record<QueryType, Entry[]>> = {
  drift: entries([
    ['psi', 'PSI'],
    ['ks', 'Kolmogorov-Smirnov'],
    ['chi2', 'Chi-square'],
    ['g_test', 'G-test'],
    ['js', 'Jensen-Shannon'],
    ['kl', 'Kullback-Leibler'],
    ['hellinger', 'Hellinger'],
    ['tvd', 'Total variation'],
    ['linf', 'L-infinity'],
    ['wasserstein', 'Wasserstein'],
    ['wasserstein_norm', 'Wasserstein, normalised'],
    ['cramers_v', "Cramér's V"],
    ['cvm', 'Cramér-von Mises'],
    ['ad', 'Anderson-Darling'],
    ['mann_whitney', 'Mann-Whitney'],
    ['energy', 'Energy distance'],
    ['mean_shift', 'Shift of the mean'],
  ]),
  performance: entries([
    ['accuracy', 'Accuracy'],
    ['balanced_accuracy', 'Balanced accuracy'],
    ['precision', 'Precision'],
    ['recall', 'Recall'],
    ['specificity', 'Specificity'],
    ['f1', 'F1'],
    ['mcc', 'MCC'],
    ['kappa', "Cohen's kappa"],
    ['roc_auc', 'ROC AUC'],
    ['pr_auc', 'Average precision'],
    ['log_loss', 'Log loss'],
    ['brier', 'Brier score'],
    ['ece', 'Expected calibration error'],
    ['mae', 'MAE'],
    ['rmse', 'RMSE'],
    ['mape', 'MAPE'],
    ['smape', 'sMAPE'],
    ['wape', 'WAPE'],
    ['r2', 'R²'],
    ['median_ae', 'Median absolute error'],
    ['residual_mean', 'Mean residual'],
    ['residual_std', 'Deviation of residuals'],
  ]),
  quality: entries([
    ['null_rate', 'Share of nulls'],
    ['nan_rate', 'Share of NaN'],
    ['infinity_rate', 'Share of infinities'],
    ['null_change', 'Change of nulls, in percentage points'],
    ['unseen_rate', 'Share of unseen categories'],
    ['below_rate', 'Share below the range'],
    ['above_rate', 'Share above the range'],
    ['distinct', 'Distinct values'],
    ['min', 'Minimum'],
    ['max', 'Maximum'],
    ['mean', 'Mean'],
    ['std', 'Standard deviation'],
  ]),
  operations: entries([
    ['p50', 'Latency p50'],
    ['p90', 'Latency p90'],
    ['p95', 'Latency p95'],
    ['p99', 'Latency p99'],
    ['p99.9', 'Latency p99.9'],
    ['mean', 'Mean latency'],
    ['throughput', 'Throughput'],
    ['error_rate', 'Error rate'],
  ]),
  volume: entries([
    ['predictions', 'Predictions'],
    ['labelled', 'Predictions with a label'],
  ]),
  alerts: entries([
    ['states', 'States now'],
    ['events', 'What became of them'],
  ]),
  compare: entries([
    ['accuracy', 'Accuracy'],
    ['precision', 'Precision'],
    ['recall', 'Recall'],
    ['specificity', 'Specificity'],
    ['selection_rate', 'Selection rate'],
    ['error_rate', 'Error rate'],
    ['mae', 'MAE'],
    ['mse', 'Mean squared error'],
    ['residual_mean', 'Mean residual'],
    ['brier', 'Brier score'],
  ]),
};

/** What a query measures where nothing is chosen; the back end has the same. */
export const USUAL: Partial<Record<QueryType, string[]>> = {
  drift: ['psi'],
  performance: ['accuracy'],
  quality: ['null_rate'],
  operations: ['p50', 'p95', 'p99'],
  volume: ['predictions', 'labelled'],
  compare: ['accuracy'],
  alerts: ['states'],
};

/** A metric as its menu has it, or as it is named if the menu has not. */
export function labelOf(type: QueryType, name: string): string {
  return METRICS[type]?.find((entry) => entry.value === name)?.label ?? name;
}

/** Metrics of a model's task. */
const REGRESSION = new Set(['mae', 'rmse', 'mape', 'smape', 'wape', 'r2', 'median_ae', 'residual_mean', 'residual_std']);

/** The metrics that a query of a model of this task has. */
export function metricsFor(type: QueryType, task?: string): Entry[] {
  const all = METRICS[type] ?? [];
  if (type !== 'performance' || !task || task === 'unspecified') {
    return all;
  }
  return all.filter((entry) => REGRESSION.has(entry.value) === (task === 'regression'));
}

/** Lengths of windows. */
export const WINDOWS: Entry[] = entries([
  ['auto', 'auto: as many as the panel has room for'],
  ['5m', '5 minutes'],
  ['15m', '15 minutes'],
  ['1h', '1 hour'],
  ['6h', '6 hours'],
  ['1d', '1 day'],
  ['7d', '1 week'],
]);

/** Operators of conditions. */
export const OPERATORS: Entry[] = ['=', '!=', '<', '<=', '>', '>=', 'is null', 'is not null'].map((value) => ({
  value,
  label: value,
}));
