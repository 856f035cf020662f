// The page of a picture: one scene in one theme, with the components that Grafana has.
import React from 'react';
import { createRoot } from 'react-dom/client';

import { createTheme, ThemeContext } from '@grafana/data';
import { GlobalStyles, PortalContainer } from '@grafana/ui';

import { ConfigEditor } from '../src/components/ConfigEditor';
import { QueryEditor } from '../src/components/QueryEditor';
import { Model } from '../src/types';
import { VariableEditor } from '../src/variables';

const MODEL: Model = {
  name: 'fraud',
  task: 'binary',
  positiveClass: 'fraud',
  versions: ['12', '13'],
  features: [
    { name: 'amount', kind: 'numeric' },
    { name: 'country', kind: 'categorical' },
  ],
  tags: ['variant'],
  slices: [],
  references: [{ name: 'training', isDefault: true }],
};
const FULL = {
  model: 'fraud',
  version: '13',
  features: ['amount', '$feature'],
  metrics: ['psi', 'ks'],
  reference: 'training',
  by: 'variant',
  filters: [{ column: 'country', operator: '=', value: 'DE' }],
  window: '1h',
};

const never = () => new Promise<never>(() => undefined);
const answers = {
  uid: 'x',
  listModels: async () => ['fraud', 'churn'],
  model: async () => MODEL,
  seriesOf: async () => ({ series: ['prevented_loss_eur', 'training_loss'], versions: ['12', '13'], tags: ['host'] }),
  valuesOf: async () => ['DE', 'FR'],
};
const gone = { data: { message: 'there is no model "fraut"; did you mean "fraud"?' } };
const away = {
  data: {
    message:
      'cannot reach the Driftline server at http://db:7447: connection refused. Is `driftline serve` running there, and is the gRPC port in the data source\'s settings right?',
  },
};

function Query({ query, source = answers }: { query: object; source?: object }) {
  const [kept, keep] = React.useState<any>({ refId: 'A', ...query });
  return <QueryEditor datasource={source as any} query={kept} onChange={keep} onRunQuery={() => undefined} />;
}

function Variable({ query }: { query: object }) {
  const [kept, keep] = React.useState<any>({ refId: 'variable', ...query });
  return <VariableEditor datasource={answers as any} query={kept} onChange={keep} onRunQuery={() => undefined} />;
}

function Settings({ jsonData, secureJsonFields = {} }: { jsonData: object; secureJsonFields?: object }) {
  const [kept, keep] = React.useState<any>({ jsonData, secureJsonData: {}, secureJsonFields });
  return <ConfigEditor options={kept} onOptionsChange={keep} />;
}

const SCENES: Record<string, () => React.ReactElement> = {
  'query-empty': () => <Query query={{}} />,
  'query-loading': () => <Query query={{ model: 'fraud' }} source={{ uid: 'x', listModels: never, model: never }} />,
  'query-error': () => <Query query={{}} source={{ ...answers, listModels: () => Promise.reject(away) }} />,
  'query-model-error': () => <Query query={{ model: 'fraut' }} source={{ ...answers, model: () => Promise.reject(gone) }} />,
  'query-drift': () => <Query query={FULL} />,
  'query-performance': () => <Query query={{ queryType: 'performance', model: 'fraud', metrics: ['accuracy', 'roc_auc'], by: 'version' }} />,
  'query-label-delay': () => (
    <Query query={{ queryType: 'performance', model: 'fraud', metrics: ['recall'], window: '7d', step: '1d', asOf: '2d' }} />
  ),
  'query-heatmap': () => <Query query={{ model: 'fraud', window: '1d', format: 'heatmap' }} />,
  'query-series': () => (
    <Query query={{ queryType: 'series', model: 'fraud', features: ['prevented_loss_eur'], metrics: ['sum', 'q0.95'], window: '1d' }} />
  ),
  'query-quality': () => <Query query={{ queryType: 'quality', model: 'fraud', features: ['amount'], metrics: ['null_rate', 'mean'], window: '1d' }} />,
  'query-operations': () => <Query query={{ queryType: 'operations', model: 'fraud', metrics: ['p50', 'p99'] }} />,
  'query-distribution': () => <Query query={{ queryType: 'distribution', model: 'fraud', features: ['amount', 'country'] }} />,
  'query-volume': () => <Query query={{ queryType: 'volume', model: 'fraud', window: '1h' }} />,
  'query-predictions': () => <Query query={{ queryType: 'predictions', model: 'fraud', exact: true }} />,
  'query-comparison': () => (
    <Query query={{ queryType: 'compare', model: 'fraud', by: 'version', baseline: '12', metrics: ['recall'], whole: true }} />
  ),
  'query-alerts': () => <Query query={{ queryType: 'alerts', model: 'fraud', metrics: ['states'] }} />,
  // What a new annotation begins with.
  annotation: () => <Query query={{ queryType: 'alerts', metrics: ['events'] }} />,
  'variable-models': () => <Variable query={{ of: 'models' }} />,
  'variable-features': () => <Variable query={{ of: 'features', model: '$model' }} />,
  'variable-values': () => <Variable query={{ of: 'values', model: '$model', column: 'country' }} />,
  'settings-empty': () => <Settings jsonData={{}} />,
  'settings-filled': () => (
    <Settings
      jsonData={{ address: 'https://driftline.internal:7447', timeoutSeconds: 30, serverName: 'db.internal' }}
      secureJsonFields={{ token: true, tlsCACert: true }}
    />
  ),
  'settings-wrong': () => <Settings jsonData={{ address: 'ftp://driftline' }} />,
};

const asked = new URLSearchParams(location.search);
const mode = asked.get('theme') === 'light' ? 'light' : 'dark';
const theme = createTheme({ colors: { mode } });
const scene = SCENES[asked.get('scene') ?? ''];
(window as any).scenes = Object.keys(SCENES);
if (scene) {
  createRoot(document.getElementById('root')!).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <div id="picture" style={{ padding: 16, width: 1180, background: theme.colors.background.primary }}>
        {scene()}
      </div>
      <PortalContainer />
    </ThemeContext.Provider>
  );
}
