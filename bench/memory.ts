import { readFileSync, writeFileSync } from 'node:fs';

/** Resident memory of a process in MiB, as the kernel counts it page by page. */
export const residentOf = (pid: number): number => kilobytes(`/proc/${pid}/smaps_rollup`, 'Rss') / 1024;

/** The most that it was since `forgetPeak`, in MiB. */
export const peakOf = (pid: number): number => kilobytes(`/proc/${pid}/status`, 'VmHWM') / 1024;

/** Makes the peak what is resident now (proc(5), clear_refs). */
export const forgetPeak = (pid: number): void => writeFileSync(`/proc/${pid}/clear_refs`, '5');

function kilobytes(file: string, field: string): number {
  const value = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(file, 'utf8'))?.[1];
  if (value === undefined) throw new Error(`${file} has no ${field}`);
  return Number(value);
}
