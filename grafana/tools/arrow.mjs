// @ts-check
// Frames that tools/host kept, as the front end of Grafana gets them: its server reads Arrow and writes JSON.
import { readdirSync, readFileSync } from 'node:fs';

import { DataType, RecordBatchReader } from 'apache-arrow';

/** @import { DataFrameJSON, FieldType } from '@grafana/data' */

/** @param {DataType} type */
function kindOf(type) {
  if (DataType.isTimestamp(type)) {
    return 'time';
  }
  if (DataType.isFloat(type)) {
    return 'number';
  }
  return DataType.isBool(type) ? 'boolean' : 'string';
}

/** @param {string | undefined} text of JSON, or none */
const parsed = (text) => (text ? JSON.parse(text) : undefined);

/**
 * @param {Uint8Array} bytes of an Arrow file
 * @returns {DataFrameJSON}
 */
export function frameOf(bytes) {
  // A table would take fields of one name, which series have, for one.
  const reader = RecordBatchReader.from(bytes).open();
  const { metadata, fields } = reader.schema;
  const batches = [...reader];
  return {
    schema: {
      name: metadata.get('name'),
      refId: metadata.get('refId'),
      meta: parsed(metadata.get('meta')),
      fields: fields.map((field) => ({
        name: field.metadata.get('name') ?? field.name,
        type: /** @type {FieldType} */ (kindOf(field.type)),
        labels: parsed(field.metadata.get('labels')),
        config: parsed(field.metadata.get('config')),
      })),
    },
    data: {
      // Times come as milliseconds already.
      values: fields.map((_, at) =>
        batches.flatMap((batch) => Array.from({ length: batch.numRows }, (_, row) => batch.getChildAt(at)?.get(row) ?? null))
      ),
    },
  };
}

/**
 * The frames of a query, by its name in tools/queries.mjs.
 * @param {string} folder @param {string} name
 */
export const framesOf = (folder, name) =>
  readdirSync(folder)
    .filter((file) => file.startsWith(`${name}.`) && file.endsWith('.arrow'))
    .sort()
    .map((file) => frameOf(readFileSync(`${folder}/${file}`)));
