import React from 'react';

import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';

import { ConfigEditor } from '../src/components/ConfigEditor';
import { QueryEditor } from '../src/components/QueryEditor';
import { DriftlineQuery, Model } from '../src/types';

const MODEL: Model = {
  name: 'fraud',
  task: 'binary',
  versions: ['1', '2'],
  features: [
    { name: 'amount', kind: 'numeric' },
    { name: 'country', kind: 'categorical' },
  ],
  tags: ['variant'],
  slices: [],
  references: [{ name: 'default', isDefault: true }],
};

function editor(query: Partial<DriftlineQuery>, source: object = {}) {
  const onChange = vi.fn();
  const onRunQuery = vi.fn();
  const datasource = {
    uid: 'x',
    listModels: () => Promise.resolve(['fraud', 'churn']),
    model: () => Promise.resolve(MODEL),
    valuesOf: () => Promise.resolve([]),
    seriesOf: () => Promise.resolve({ series: ['revenue'], versions: ['3'], tags: ['region'] }),
    ...source,
  };
  const props: any = { datasource, query: { refId: 'A', ...query }, onChange, onRunQuery };
  render(<QueryEditor {...props} />);
  return { onChange, onRunQuery };
}

afterEach(cleanup);

test('an empty query asks for a model and offers those of the server', async () => {
  const { onChange, onRunQuery } = editor({});
  expect(screen.getByLabelText('What will be computed').textContent).toBe('Choose a model.');
  const menu = await screen.findByLabelText('Model');
  fireEvent.keyDown(menu, { key: 'ArrowDown' });
  fireEvent.click(await screen.findByText('churn'));
  expect(onChange).toHaveBeenCalledWith(expect.objectContaining({ model: 'churn', features: [] }));
  expect(onRunQuery).toHaveBeenCalled();
});

test('a model shows something as soon as it is chosen', async () => {
  // Grafana gives the changed query back.
  const chosen = async (known: Partial<Model>) => {
    const onChange = vi.fn((query: DriftlineQuery) => rerender(<QueryEditor {...props} query={query} />));
    const datasource = {
      uid: 'x',
      listModels: () => Promise.resolve(['churn']),
      model: () => Promise.resolve({ ...MODEL, ...known }),
      seriesOf: () => Promise.resolve({ series: [], versions: [], tags: [] }),
    };
    const props: any = { datasource, query: { refId: 'A' }, onChange, onRunQuery: vi.fn() };
    const { rerender } = render(<QueryEditor {...props} />);
    fireEvent.keyDown(await screen.findByLabelText('Model'), { key: 'ArrowDown' });
    fireEvent.click(await screen.findByText('churn'));
    await screen.findByText(/model churn/);
    await Promise.resolve();
    const { model, queryType } = onChange.mock.lastCall?.[0] ?? {};
    cleanup();
    return [model, queryType ?? 'drift'];
  };
  expect(await chosen({})).toEqual(['churn', 'drift']);
  expect(await chosen({ references: [] })).toEqual(['churn', 'volume']);
  expect(await chosen({ references: [], features: [] })).toEqual(['churn', 'series']);
});

test('a chosen model fills the other menus', async () => {
  editor({ model: 'fraud' });
  const features = await screen.findByLabelText('Features');
  await waitFor(() => {
    fireEvent.keyDown(features, { key: 'ArrowDown' });
    expect(screen.getByText('amount')).toBeTruthy();
  });
  expect(screen.getByLabelText('What will be computed').textContent).toMatch(/^PSI of all features/);
});

test('what is chosen is shown also if it is in no menu', async () => {
  editor({
    model: '$model',
    version: '$version',
    features: ['$feature', 'amount'],
    window: '36h',
    filters: [{ column: '$column', operator: '=', value: '$value' }],
  });
  for (const text of ['$model', '$version', '$feature', 'amount', '36h', '$column']) {
    expect(await screen.findByText(text)).toBeTruthy();
  }
  expect(screen.getByDisplayValue('$value')).toBeTruthy();
});

test('conditions are added, changed and taken away', () => {
  const filters = [
    { column: 'country', operator: '=', value: 'DE' },
    { column: 'amount', operator: 'is null', value: '' },
  ];
  const { onChange } = editor({ model: 'fraud', filters });
  const last = () => onChange.mock.lastCall?.[0].filters;
  expect(screen.queryByLabelText('Value of condition 2')).toBeNull();
  const value = screen.getByLabelText('Value of condition 1');
  fireEvent.change(value, { target: { value: 'FR' } });
  fireEvent.blur(value);
  expect(last()).toEqual([{ ...filters[0], value: 'FR' }, filters[1]]);
  fireEvent.click(screen.getByLabelText('Remove condition 1'));
  expect(last()).toEqual([filters[1]]);
  fireEvent.click(screen.getByText('Condition'));
  expect(last()).toHaveLength(3);
});

test('one window needs no length', async () => {
  editor({ model: 'fraud', whole: true });
  expect((await screen.findByLabelText<HTMLInputElement>('Window')).disabled).toBe(true);
  cleanup();
  editor({ model: 'fraud' });
  expect((await screen.findByLabelText<HTMLInputElement>('Window')).disabled).toBe(false);
});

test('a distribution has windows only over time', async () => {
  editor({ model: 'fraud', queryType: 'distribution' });
  expect(screen.queryByLabelText('Window')).toBeNull();
  cleanup();
  editor({ model: 'fraud', queryType: 'distribution', format: 'heatmap', window: '7d', step: '1d' });
  for (const label of ['Window', 'Step', 'Show as']) {
    expect(await screen.findByLabelText(label)).toBeTruthy();
  }
  expect(screen.getByLabelText('What will be computed').textContent).toBe(
    'The distribution of all features against the default reference, model fraud, in windows of 7d that end every 1d, as a heatmap.'
  );
});

test('performance says which labels count', async () => {
  const { onChange } = editor({ model: 'fraud', queryType: 'performance', asOf: '2026-01-31T00:00:00Z', timeOf: 'label' });
  expect(screen.getByLabelText('What will be computed').textContent).toContain(
    'by the time at which labels came, with labels as known at 2026-01-31T00:00:00Z'
  );
  fireEvent.keyDown(await screen.findByLabelText('Labels known'), { key: 'ArrowDown' });
  fireEvent.click(await screen.findByText('7 days after each window'));
  expect(onChange.mock.lastCall?.[0].asOf).toBe('7d');
});

test('values of columns are offered, and any other may be written', async () => {
  const valuesOf = vi.fn(({ column }) => Promise.resolve(column === 'variant' ? ['a', 'b'] : ['cat']));
  const query = { model: 'fraud', queryType: 'compare' as const, by: 'variant' };
  const { onChange } = editor(query, { valuesOf });
  const against = screen.getByLabelText<HTMLInputElement>('Against');
  fireEvent.focus(against);
  await waitFor(() => expect([...(against.list?.options ?? [])].map((one) => one.value)).toEqual(['a', 'b']));
  expect(valuesOf).toHaveBeenCalledWith({ model: 'fraud', version: undefined, column: 'variant' }, undefined);
  fireEvent.change(against, { target: { value: 'c' } });
  fireEvent.blur(against);
  expect(onChange.mock.lastCall?.[0].baseline).toBe('c');
});

test('metric series have names, tags and versions of their own', async () => {
  editor({ model: 'fraud', queryType: 'series' });
  fireEvent.keyDown(await screen.findByLabelText('Series'), { key: 'ArrowDown' });
  expect(await screen.findByText('revenue')).toBeTruthy();
  expect(screen.queryByLabelText('Features')).toBeNull();
  fireEvent.keyDown(screen.getByLabelText('By'), { key: 'ArrowDown' });
  expect(await screen.findByText('region')).toBeTruthy();
  expect(screen.getByLabelText('What will be computed').textContent).toMatch(/^Mean of all metric series, model fraud/);
});

test('features do not become names of series when the type changes', async () => {
  const { onChange } = editor({ model: 'fraud', features: ['amount'], by: 'country' });
  fireEvent.keyDown(await screen.findByLabelText('Query'), { key: 'ArrowDown' });
  fireEvent.click(await screen.findByText('Metric series'));
  expect(onChange.mock.lastCall?.[0]).toMatchObject({ queryType: 'series', features: [], by: '' });
});

test('alerts need no model and have no windows, features or conditions', async () => {
  editor({ queryType: 'alerts', metrics: ['events'] });
  expect(await screen.findByText('What became of them')).toBeTruthy();
  for (const label of ['Version', 'Features', 'By', 'Window']) {
    expect(screen.queryByLabelText(label)).toBeNull();
  }
  expect(screen.queryByText('Condition')).toBeNull();
  expect(screen.getByLabelText('What will be computed').textContent).toBe(
    'What became of alerts in the time of the panel.'
  );
});

test('what the server says of a failure is shown', async () => {
  editor({}, { listModels: () => Promise.reject({ data: { message: 'cannot reach the Driftline server' } }) });
  expect(await screen.findByText('cannot reach the Driftline server')).toBeTruthy();
});

test('settings keep secrets apart and refuse an address of another scheme', () => {
  const onOptionsChange = vi.fn();
  const props: any = {
    options: { jsonData: { address: 'ftp://x' }, secureJsonData: {}, secureJsonFields: { token: true } },
    onOptionsChange,
  };
  render(<ConfigEditor {...props} />);
  expect(screen.getByText('It begins with http:// or https://')).toBeTruthy();
  fireEvent.change(screen.getByLabelText('Address'), { target: { value: 'http://here:50051' } });
  expect(onOptionsChange.mock.lastCall?.[0].jsonData.address).toBe('http://here:50051');
  fireEvent.change(screen.getByLabelText('Client key'), { target: { value: 'PEM' } });
  const last = onOptionsChange.mock.lastCall?.[0];
  expect(last.secureJsonData.tlsClientKey).toBe('PEM');
  expect(JSON.stringify(last.jsonData)).not.toContain('PEM');
});
