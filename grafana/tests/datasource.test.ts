import { DataQueryRequest } from '@grafana/data';
import { TemplateSrv } from '@grafana/runtime';

import { DriftlineDataSource } from '../src/datasource';
import { DriftlineQuery, VariableQuery } from '../src/types';

/** Replaces as Grafana does: a list by what the format makes of it, or in braces. */
const TEMPLATES = {
  replace: (text = '', _: unknown, format?: (value: string | string[]) => string) => {
    const values: Record<string, string | string[]> = { $model: 'fraud', $features: ['a', 'b,c'], $all: '$__all' };
    return text.replace(/\$\w+/g, (name) => {
      const value = values[name];
      if (value === undefined) {
        return name;
      }
      return format ? format(value) : Array.isArray(value) ? `{${value.join(',')}}` : value;
    });
  },
} as unknown as TemplateSrv;

function source(answer: (path: string) => unknown = () => ({})) {
  const made = new DriftlineDataSource({ id: 1, uid: 'u', type: 't', name: 'n', jsonData: {} } as any, TEMPLATES);
  const getResource = vi.fn((path: string) => Promise.resolve(answer(path)));
  made.getResource = getResource as any;
  return { made, getResource };
}

test('variables are replaced, and one with several values gives several features', () => {
  const { made } = source();
  const query = made.applyTemplateVariables(
    {
      refId: 'A',
      model: '$model',
      features: ['$features', 'd'],
      filters: [{ column: 'x', operator: '=', value: '$model' }],
    },
    {}
  );
  expect(query.model).toBe('fraud');
  expect(query.features).toEqual(['a', 'b,c', 'd']);
  expect(query.filters?.[0].value).toBe('fraud');
  expect(made.applyTemplateVariables({ refId: 'A', features: ['$all'] }, {}).features).toEqual([]);
});

test('alerts of all models are asked of none', () => {
  const { made } = source();
  const model = (model: string, queryType?: DriftlineQuery['queryType']) =>
    made.applyTemplateVariables({ refId: 'A', model, queryType }, {}).model;
  expect(model('$all', 'alerts')).toBe('');
  expect(model('$features', 'alerts')).toBe('');
  expect(model('$model', 'alerts')).toBe('fraud');
  expect(model('fraud', 'alerts')).toBe('fraud');
});

test('only what can be answered is sent', () => {
  const { made } = source();
  expect(made.filterQuery({ refId: 'A' })).toBe(false);
  expect(made.filterQuery({ refId: 'A', model: 'm' })).toBe(true);
  expect(made.filterQuery({ refId: 'A', model: 'm', hide: true })).toBe(false);
  expect(made.filterQuery({ refId: 'A', queryType: 'alerts' })).toBe(true);
});

test('models are asked once, and again after a failure', async () => {
  let fails = true;
  const { made, getResource } = source(() => {
    if (fails) {
      fails = false;
      throw new Error('away');
    }
    return { models: ['m'] };
  });
  made.getResource = vi.fn(async (path: string) => getResource(path)) as any;
  await expect(made.listModels()).rejects.toThrow('away');
  expect(await made.listModels()).toEqual(['m']);
  await made.listModels();
  expect(getResource).toHaveBeenCalledTimes(2);
});

test('variables list what belongs to a model', async () => {
  const { made, getResource } = source(() => ({
    versions: ['1'],
    features: [
      { name: 'amount', kind: 'numeric' },
      { name: 'country', kind: 'categorical' },
    ],
    tags: ['variant'],
    references: [{ name: 'training' }],
  }));
  const ask = async (asked: Partial<VariableQuery>) => {
    const request = { targets: [{ refId: 'v', ...asked }] } as DataQueryRequest<VariableQuery>;
    const { data } = await new Promise<any>((done) => made.variables.query(request).subscribe(done));
    return data.map((one: { text: string }) => one.text);
  };
  expect(await ask({ of: 'features', model: '$model' })).toEqual(['amount', 'country']);
  expect(getResource).toHaveBeenCalledWith('models/fraud');
  expect(await ask({ of: 'columns' })).toEqual(['version', 'variant', 'country']);
  expect(await ask({ of: 'references' })).toEqual(['training']);
  expect(await ask({ of: 'categories' })).toEqual(['country']);
  expect((await made.metricFindQuery('versions(fraud)')).map((one) => one.text)).toEqual(['1']);
});

test('values of a column are slices for variables, in the time of the dashboard', async () => {
  const { made } = source(() => ({ series: ['revenue'] }));
  const postResource = vi.fn((_path: string, _body: unknown) => Promise.resolve({ values: ['DE', 'FR'] }));
  made.postResource = postResource as any;
  const range: any = { from: { valueOf: () => 1 }, to: { valueOf: () => 2 } };
  const request: any = { targets: [{ refId: 'v', of: 'values', model: '$model', column: 'country' }], range };
  const { data } = await new Promise<any>((done) => made.variables.query(request).subscribe(done));
  expect(data).toEqual([
    { text: 'DE', value: 'DE' },
    { text: 'FR', value: 'FR' },
  ]);
  const asked = { model: 'fraud', version: '', column: 'country', from: 1, to: 2 };
  expect(postResource).toHaveBeenLastCalledWith('values', asked);
  await made.metricFindQuery('values(fraud, country)');
  expect(postResource).toHaveBeenLastCalledWith('values', { ...asked, from: undefined, to: undefined });
  expect((await made.metricFindQuery('series(fraud)')).map((one) => one.text)).toEqual(['revenue']);
  // No column, no question.
  expect(await made.metricFindQuery('values(fraud)')).toEqual([]);
  expect(postResource).toHaveBeenCalledTimes(2);
});

test('annotations ask for events of alerts at first', () => {
  const { made } = source();
  const usual = made.annotations?.getDefaultQuery?.() as DriftlineQuery;
  expect(usual).toEqual({ queryType: 'alerts', metrics: ['events'] });
  expect(made.filterQuery({ ...usual, refId: 'Anno' })).toBe(true);
});
