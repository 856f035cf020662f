import { formatsFor, hasBins, isWhole, METRICS, metricsFor, QUERY_TYPES, usual, USUAL } from '../src/menus';
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

test('what is usual follows the task', () => {
  expect(usual('performance', 'regression')).toEqual(['mae', 'rmse']);
  expect(usual('performance')).toEqual(['accuracy']);
  expect(sentence({ refId: 'A', model: 'price', queryType: 'performance' }, 'regression')).toMatch(/^MAE, RMSE of/);
});

test('windows, steps and labels are told', () => {
  const query = { refId: 'A', model: 'm', queryType: 'performance' as const, window: '7d', step: '1d' };
  expect(sentence(query)).toContain('in windows of 7d that end every 1d');
  expect(sentence({ ...query, window: 'auto' })).toContain('in windows of 1d.');
  expect(sentence({ ...query, asOf: '7d' })).toContain('with labels as known 7d after each window');
  expect(sentence({ ...query, asOf: '-1d' })).toContain('with labels as known 1d before the end of the panel');
});

test('a heatmap is over time', () => {
  const values = (whole: boolean) => formatsFor({ refId: 'A', whole }).map((one) => one.value);
  expect(values(false)).toContain('heatmap');
  expect(values(true)).not.toContain('heatmap');
  const distribution = { refId: 'A', queryType: 'distribution' as const };
  expect(formatsFor(distribution).map((one) => one.value)).toContain('histogram');
  expect([undefined, 'heatmap', 'histogram'].map((format: any) => hasBins({ ...distribution, format }))).toEqual([
    false,
    true,
    true,
  ]);
  expect(isWhole({ refId: 'A', queryType: 'distribution' })).toBe(true);
  expect(isWhole({ refId: 'A', queryType: 'distribution', format: 'heatmap' })).toBe(false);
});
