import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FOR_MINUTES, growthOf, isFlat, type Sample } from './flat.ts';

const sample = (files: number, privateMb = 12): Sample => ({
  residentMb: 50 + privateMb,
  privateMb,
  files,
  threads: 11,
});
const problems = (samples: readonly Sample[]) =>
  growthOf(samples, FOR_MINUTES)
    .filter((growth) => !isFlat(growth))
    .map(({ what }) => what);

describe('what counts as flat', () => {
  it('is what stays within the allowances, whatever the order of the samples within a quarter', () => {
    const around = fc.array(fc.integer({ min: 20, max: 23 }), { minLength: 8, maxLength: 60 });
    fc.assert(fc.property(around, (files) => problems(files.map((each) => sample(each))).length === 0));
  });

  it('is not what grows all the time', () => {
    const samples = Array.from({ length: 100 }, (_, at) => sample(20 + at / 10, 12 + at / 10));
    expect(problems(samples)).toEqual(['residentMb', 'privateMb', 'files']);
  });

  it('does not mind the start, nor a peak', () => {
    const samples = Array.from({ length: 100 }, (_, at) => sample(at === 90 ? 500 : 20, at < 25 ? at : 30));
    expect(problems(samples)).toEqual([]);
  });

  it('is nothing that was not measured', () => {
    expect(problems([])).toEqual(['residentMb', 'privateMb', 'files', 'threads']);
  });
});
