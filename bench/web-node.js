// The benchmark in the browser, its lap in Node: the same bundle in a process of its own.
import { readFile } from 'node:fs/promises';
import { load } from '../packages/runtime/dist/espalier-runtime.js';
import { lap } from './web-lap.js';

const { model, ...counts } = JSON.parse(process.argv[2]);
console.log(JSON.stringify(await lap(load, await readFile(model), counts)));
