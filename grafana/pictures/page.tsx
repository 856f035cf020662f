// The page of a picture: one scene in one theme, with the components that Grafana has.
import React from 'react';
import { createRoot } from 'react-dom/client';

import { createTheme, ThemeContext } from '@grafana/data';
import { GlobalStyles, PortalContainer } from '@grafana/ui';

import { ConfigEditor } from '../src/components/ConfigEditor';
import { QueryEditor } from '../src/components/QueryEditor';
import { Model } from '../src/types';

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
const answers = { uid: 'x', listModels: async () => ['fraud', 'churn'], model: async () => MODEL };
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

function Settings({ address }: { address: string }) {
  const [kept, keep] = React.useState<any>({
    jsonData: { address, timeoutSeconds: 30 },
    secureJsonData: {},
    secureJsonFields: { token: true, tlsCACert: true },
  });
  return <ConfigEditor options={kept} onOptionsChange={keep} />;
}

const SCENES: Record<string, () => React.ReactElement> = {
  'query-empty': () => <Query query={{}} />,
  'query-loading': () => <Query query={{ model: 'fraud' }} source={{ uid: 'x', listModels: never, model: never }} />,
  'query-error': () => <Query query={{}} source={{ ...answers, listModels: () => Promise.reject(away) }} />,
  'query-filled': () => <Query query={FULL} />,
  'query-comparison': () => (
    <Query query={{ queryType: 'compare', model: 'fraud', by: 'version', baseline: '12', metrics: ['recall'], whole: true }} />
  ),
  'query-alerts': () => <Query query={{ queryType: 'alerts', metrics: ['events'] }} />,
  settings: () => <Settings address="http://driftline:7447" />,
  'settings-wrong': () => <Settings address="ftp://driftline" />,
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
