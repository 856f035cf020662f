import { DataSourcePlugin } from '@grafana/data';

import { ConfigEditor } from './components/ConfigEditor';
import { QueryEditor } from './components/QueryEditor';
import { DriftlineDataSource } from './datasource';
import { DriftlineOptions, DriftlineQuery, DriftlineSecrets } from './types';

export const plugin = new DataSourcePlugin<DriftlineDataSource, DriftlineQuery, DriftlineOptions, DriftlineSecrets>(
  DriftlineDataSource
)
  .setConfigEditor(ConfigEditor)
  .setQueryEditor(QueryEditor);
