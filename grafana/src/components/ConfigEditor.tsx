import React from 'react';

import {
  DataSourcePluginOptionsEditorProps,
  onUpdateDatasourceJsonDataOption,
  onUpdateDatasourceSecureJsonDataOption,
  updateDatasourcePluginResetOption,
} from '@grafana/data';
import { FieldSet, InlineField, Input, SecretInput, SecretTextArea } from '@grafana/ui';

import { DriftlineOptions, DriftlineSecrets } from '../types';

type Props = DataSourcePluginOptionsEditorProps<DriftlineOptions, DriftlineSecrets>;

const WIDTH = 50;
/** Fields for a PEM are as wide as the others: a unit of width is eight pixels. */
const PEM = { rows: 4, style: { width: WIDTH * 8 } };
const CERTIFICATE = { ...PEM, placeholder: 'Begins with -----BEGIN CERTIFICATE-----' };
const KEY = { ...PEM, placeholder: 'Begins with -----BEGIN PRIVATE KEY-----' };

/** The settings of a data source. Secrets are written only: they never come back. */
export function ConfigEditor(props: Props) {
  const { options, onOptionsChange } = props;
  const { jsonData, secureJsonFields } = options;
  const address = jsonData.address ?? '';
  const isWrong = address !== '' && /^[a-z]+:\/\//.test(address) && !/^https?:\/\//.test(address);
  const secret = (key: keyof DriftlineSecrets) => ({
    isConfigured: !!secureJsonFields?.[key],
    onReset: () => updateDatasourcePluginResetOption(props, key),
    onChange: onUpdateDatasourceSecureJsonDataOption(props, key),
  });
  return (
    <>
      <FieldSet label="Server">
        <InlineField
          label="Address"
          labelWidth={20}
          tooltip="Address of the gRPC port of driftline serve"
          invalid={isWrong}
          error="It begins with http:// or https://"
        >
          <Input
            aria-label="Address"
            width={WIDTH}
            placeholder="http://localhost:7447"
            value={address}
            onChange={onUpdateDatasourceJsonDataOption(props, 'address')}
          />
        </InlineField>
        <InlineField label="Timeout, seconds" labelWidth={20} tooltip="How long a query may take; 30 unless said otherwise">
          <Input
            aria-label="Timeout, seconds"
            width={WIDTH}
            type="number"
            min={1}
            placeholder="30"
            value={jsonData.timeoutSeconds ?? ''}
            onChange={(event) => {
              const seconds = Number(event.currentTarget.value);
              const timeoutSeconds = seconds > 0 ? seconds : undefined;
              onOptionsChange({ ...options, jsonData: { ...jsonData, timeoutSeconds } });
            }}
          />
        </InlineField>
        <InlineField label="Token" labelWidth={20} tooltip="Sent as a bearer token, for a server behind a proxy that asks for one">
          <SecretInput aria-label="Token" width={WIDTH} {...secret('token')} />
        </InlineField>
      </FieldSet>
      <FieldSet label="TLS, for addresses with https://">
        <InlineField label="Server name" labelWidth={20} tooltip="The name in the server's certificate, if it is not the host">
          <Input
            aria-label="Server name"
            width={WIDTH}
            value={jsonData.serverName ?? ''}
            onChange={onUpdateDatasourceJsonDataOption(props, 'serverName')}
          />
        </InlineField>
        <InlineField label="CA certificate" labelWidth={20} tooltip="PEM of an authority beside those that everybody trusts">
          <SecretTextArea aria-label="CA certificate" {...CERTIFICATE} {...secret('tlsCACert')} />
        </InlineField>
        <InlineField label="Client certificate" labelWidth={20}>
          <SecretTextArea aria-label="Client certificate" {...CERTIFICATE} {...secret('tlsClientCert')} />
        </InlineField>
        <InlineField label="Client key" labelWidth={20}>
          <SecretTextArea aria-label="Client key" {...KEY} {...secret('tlsClientKey')} />
        </InlineField>
      </FieldSet>
    </>
  );
}
