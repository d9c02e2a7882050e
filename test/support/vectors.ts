import {readFileSync} from 'node:fs';
import {join} from 'node:path';

/** Contents of test/vectors/NAME.json. The caller states the shape, which the file's own `description` explains. */
export function readVectors<Shape>(name: string): Shape {
  return JSON.parse(readFileSync(join(process.cwd(), 'test', 'vectors', `${name}.json`), 'utf8')) as Shape;
}
