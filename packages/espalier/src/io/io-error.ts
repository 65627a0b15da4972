// What Node's file system errors mean to a user: the file, what went wrong and what to do.
import { EspalierError } from '../errors.js';

type SystemError = Error & { readonly code: string; readonly syscall: string };

const isSystemError = (cause: unknown): cause is SystemError =>
  cause instanceof Error && 'code' in cause && typeof cause.code === 'string' && 'syscall' in cause;

function explain(cause: SystemError, action: 'reading' | 'writing', path: string): string {
  const verb = action === 'reading' ? 'read' : 'write';
  switch (cause.code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return `disk full while writing ${path}\nfree some space, or write to another disk`;
    case 'EACCES':
    case 'EPERM':
      return `no permission to ${verb} ${path}\ncheck its owner and mode, or name another path`;
    case 'EROFS':
      return `cannot write ${path}: the disk is read-only\nname a path on another disk`;
    case 'ENOENT':
      return action === 'reading'
        ? `${path} does not exist`
        : `cannot write ${path}: its folder does not exist\ncreate the folder first`;
    case 'EISDIR':
      return `cannot ${verb} ${path}: expected a file, found a folder`;
    case 'ENOTDIR':
      return `cannot ${verb} ${path}: part of the path is a file, expected a folder`;
    case 'EBUSY':
    case 'EXDEV':
      return `cannot replace ${path}: it is a mount point or in use\nname a folder inside it`;
    default:
      return `cannot ${verb} ${path}: ${cause.message}`;
  }
}

/** The EspalierError for a failed file operation; any other error (a bug, an EspalierError) as it is. */
export function ioError(cause: unknown, action: 'reading' | 'writing', path: string): Error {
  if (isSystemError(cause)) return new EspalierError(explain(cause, action, path), { cause });
  return cause instanceof Error ? cause : new Error(String(cause));
}
