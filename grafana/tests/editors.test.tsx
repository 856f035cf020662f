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
