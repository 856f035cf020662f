import { METRICS, metricsFor, QUERY_TYPES, USUAL } from '../src/menus';
import { sentence } from '../src/sentence';

test('a query is told in words', () => {
  expect(sentence({ refId: 'A' })).toBe('Choose a model.');
  expect(sentence({ refId: 'A', model: 'fraud' })).toBe(
    'PSI of all features against the default reference, model fraud, in windows that suit the panel.'
  );
  expect(
    sentence({
      refId: 'A',
      model: 'fraud',
      queryType: 'performance',
      metrics: ['recall'],
      filters: [{ column: 'country', operator: '', value: 'DE' }, { column: '', operator: '', value: '' }],
      by: 'version',
      window: '1d',
      exact: true,
    })
  ).toBe(
    'Recall of labelled predictions, with intervals and coverage, model fraud, where country = DE, a series for each version, in windows of 1d, exactly, from rows.'
  );
});

test('what is usual is in the menu, and each kind of query has a sentence', () => {
  for (const { value } of QUERY_TYPES) {
    for (const usual of USUAL[value] ?? []) {
      expect(METRICS[value]?.map((entry) => entry.value)).toContain(usual);
    }
    expect(sentence({ refId: 'A', model: 'm', queryType: value })).toMatch(/^[A-Z].*\.$/);
  }
});

test('metrics are those of the task', () => {
  const names = (task?: string) => metricsFor('performance', task).map((entry) => entry.value);
  expect(names('regression')).toContain('rmse');
  expect(names('regression')).not.toContain('accuracy');
  expect(names('binary')).not.toContain('rmse');
  expect(names(undefined).length).toBe(METRICS.performance?.length);
});
