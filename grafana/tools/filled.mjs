// @ts-check
// Checks that each query of the dashboards had something to show: `node tools/filled.mjs FOLDER`, the folder in which
// tools/host kept frames. Exit code 1 and their names if some had not.
import { framesOf } from './arrow.mjs';
import { dashboards } from './dashboards.mjs';

const [folder = ''] = process.argv.slice(2);
const empty = [];
let asked = 0;
for (const [name, { panels }] of Object.entries(dashboards)) {
  for (const { id, title, targets } of panels) {
    for (const { refId } of targets ?? []) {
      asked += 1;
      const frames = framesOf(folder, `${name}.${id}.${refId}`);
      const values = frames.flatMap(({ schema, data }) =>
        (data?.values ?? []).filter((_, at) => schema?.fields[at]?.type !== 'time').flat()
      );
      if (values.every((value) => value === null)) {
        empty.push(`${name}: ${title}`);
      }
    }
  }
}
if (empty.length > 0 || asked === 0) {
  console.error(`${empty.length} of ${asked} queries of dashboards have nothing to show:\n${empty.join('\n')}`);
  process.exit(1);
}
console.log(`dashboards: all of ${asked} queries have something to show`);
