import { labelOf, QUERY_TYPES, USUAL } from './menus';
import { DriftlineQuery } from './types';

/** What a query will compute, in words. */
export function sentence(query: DriftlineQuery): string {
  const type = query.queryType ?? 'drift';
  if (!query.model && type !== 'alerts') {
    return 'Choose a model.';
  }
  const metrics = (query.metrics?.length ? query.metrics : (USUAL[type] ?? []))
    .map((name) => labelOf(type, name))
    .join(', ');
  const features = query.features?.length ? query.features.join(', ') : 'all features';
  const reference = query.reference ? `reference ${query.reference}` : 'the default reference';
  const what: Record<string, string> = {
    drift: `${metrics} of ${features} against ${reference}`,
    performance: `${metrics} of labelled predictions, with intervals and coverage`,
    quality: `${metrics} of ${features}`,
    operations: metrics,
    distribution: `the distribution of ${features} against ${reference}`,
    volume: 'predictions and labels',
    compare: `${metrics} of each ${query.by || '…'} against ${query.baseline || '…'}`,
    alerts: (query.metrics?.length ? query.metrics : ['states'])
      .map((name) => (name === 'events' ? 'what became of alerts in the time of the panel' : 'states of alerts now'))
      .join(', '),
    predictions: 'the share of each predicted class or bin',
  };
  const parts = [what[type] ?? QUERY_TYPES[0].label];
  const isAlerts = type === 'alerts';
  if (query.model) {
    parts.push(`model ${query.model}${query.version && !isAlerts ? ` version ${query.version}` : ''}`);
  }
  if (isAlerts) {
    // Nothing else is asked of them.
    return sentenceOf(parts);
  }
  for (const { column, operator, value } of query.filters ?? []) {
    if (column) {
      parts.push(`where ${column} ${operator || '='} ${value ?? ''}`.trimEnd());
    }
  }
  if (query.by && type !== 'compare') {
    parts.push(`a series for each ${query.by}`);
  }
  if (type === 'distribution' || query.whole) {
    parts.push('over the whole time of the panel');
  } else {
    const auto = !query.window || query.window === 'auto';
    parts.push(auto ? 'in windows that suit the panel' : `in windows of ${query.window}`);
  }
  if (query.exact) {
    parts.push('exactly, from rows');
  }
  return sentenceOf(parts);
}

function sentenceOf(parts: string[]): string {
  const text = parts.join(', ');
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}
