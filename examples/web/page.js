// Loads the packed model that `?model=` names, by default model.espalier beside this page, and classifies what is typed.
import { load } from './espalier-runtime.js';

const PAUSE_MS = 120; // of typing, before it is classified
const TIMED_CALLS = 15; // the time shown is the median of the last so many
const SHOWN_LABELS = 6;
const ONE_TEXT = { rows: 1 }; // at a time: no memory for batches

const KERNELS = { dot: 'relaxed SIMD, dot product', relaxed: 'relaxed SIMD', simd: 'SIMD', scalar: 'scalar' };

/** By the code of an error: what is wrong, and what to do. */
const PROBLEMS = {
  fetch: [
    'The model could not be fetched',
    'Put a packed file beside this page as model.espalier, or name one that this page may read: ?model=ADDRESS.',
  ],
  magic: [
    'This file is no packed model',
    'Make one with: espalier export FOLDER --to pack --out model.espalier',
  ],
  version: ['This file is of a later version', 'Put the present espalier-runtime.js beside this page.'],
  damaged: [
    'The file is damaged',
    'Reload the page; if that does not help, copy the file to the server again.',
  ],
  'no-tokenizer': [
    'The file has no tokenizer',
    'It takes token ids alone. Pack the model together with its tokenizer to classify text.',
  ],
  'no-head': [
    'This model does not classify',
    'Name one that was trained on labels or scores: ?model=ADDRESS.',
  ],
  'unsupported-model': ['This model is of another kind', 'BERT, RoBERTa, DistilBERT and ELECTRA run here.'],
  compile: [
    'This page may not run WebAssembly',
    "Its Content-Security-Policy must have 'wasm-unsafe-eval' in script-src.",
  ],
  webassembly: ['This browser has no WebAssembly', 'Open the page in a present browser.'],
  other: ['The model cannot be used', 'The message of the runtime:'],
};

const element = (id) => document.getElementById(id);
const show = (id, text) => (element(id).textContent = text);

const formatBytes = (bytes) =>
  bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
const formatShare = (share) => `${(100 * share).toFixed(1)} %`;

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function problemOf(error) {
  if (typeof WebAssembly === 'undefined') return PROBLEMS.webassembly;
  if (error instanceof WebAssembly.CompileError) return PROBLEMS.compile;
  return PROBLEMS[error.code] ?? PROBLEMS[error.name === 'PackError' ? 'damaged' : 'other'];
}

function showProblem(error) {
  const [title, advice] = problemOf(error);
  show('problem-title', title);
  show('problem-advice', advice);
  show('problem-message', error.message);
  element('loading').hidden = true;
  element('ready').hidden = true;
  element('problem').hidden = false;
}

function showProgress({ loaded, total }) {
  element('progress').value = loaded / total;
  show('loaded', `${formatBytes(loaded)} of ${formatBytes(total)}`);
}

function showModel({ bytes, levels, config, threads = 1 }) {
  const found = [...new Set(Object.values(levels))];
  show('file', formatBytes(bytes.file));
  show('memory', formatBytes(bytes.memory));
  show('level', found.map((level) => KERNELS[level]).join(', '));
  show('threads', String(threads));
  show('family', config.family);
  show('size', `${config.heads.length} layers of ${config.hidden}`);
  element('slow').hidden = !found.includes('scalar');
}

function showScores(scores, labels) {
  const most = [...scores.keys()].sort((a, b) => scores[b] - scores[a]).slice(0, SHOWN_LABELS);
  const items = most
    .sort((a, b) => a - b)
    .map((index) => {
      const item = document.createElement('li');
      item.append(
        ...[labels[index], formatShare(scores[index])].map((text) =>
          Object.assign(document.createElement('span'), { textContent: text }),
        ),
      );
      item.style.setProperty('--share', scores[index]);
      return item;
    });
  element('scores').replaceChildren(...items);
}

function showResult({ label, score, scores, truncated }, { labels, config }) {
  const isValue = scores.length === 1; // a regression
  show('label', isValue ? score.toFixed(3) : label);
  show('score', isValue ? '' : formatShare(score));
  element('score').value = String(score);
  showScores(isValue ? [] : scores, labels);
  element('cut').hidden = !truncated;
  show('cut', `The model reads ${config.longest} tokens: the end of this text was left out.`);
}

function clearResult() {
  show('label', '–');
  show('score', '');
  element('score').value = '';
  showScores([], []);
  element('cut').hidden = true;
}

/** A function that classifies a text and shows the result, or clears it for an empty one. */
function classifierOf(model) {
  const times = [];
  let latest = 0;
  return async (text) => {
    const turn = ++latest;
    if (text.trim() === '') return clearResult();
    const started = performance.now();
    const result = await model.classify(text);
    times.push(performance.now() - started);
    if (times.length > TIMED_CALLS) times.shift();
    if (turn !== latest) return; // another text has been asked for meanwhile
    show('time', `${median(times).toFixed(1)} ms`);
    show('calls', times.length < 2 ? 'the first call' : `median of ${times.length} calls`);
    showResult(result, model);
  };
}

async function main() {
  const address = new URLSearchParams(location.search).get('model') ?? 'model.espalier';
  show('source', address);
  const model = await load(address, { onProgress: showProgress, largest: ONE_TEXT });
  showModel(model);

  const text = element('text');
  const classify = classifierOf(model);
  const classifyText = () => classify(text.value).catch(showProblem);
  let pause;
  text.addEventListener('input', () => {
    clearTimeout(pause);
    pause = setTimeout(classifyText, PAUSE_MS);
  });
  const samples = [...document.querySelectorAll('#samples button')];
  for (const sample of samples) {
    sample.addEventListener('click', () => {
      clearTimeout(pause);
      text.value = sample.textContent;
      void classifyText();
    });
  }

  text.value ||= samples[0].textContent; // a reload may have kept what was typed
  await classify(text.value);
  element('loading').hidden = true;
  element('ready').hidden = false;
}

main().catch(showProblem);
