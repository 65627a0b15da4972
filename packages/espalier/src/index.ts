export { EspalierError, FormatError, UsageError } from './errors.js';
