import type { Locality } from './envoy-api.ts';

/**
 * `region/zone/sub_zone`, or with dots when there is no slash (a label value may not hold one), to Envoy's locality. Parts
 * beyond three are dropped, empty ones left out.
 */
export function parseLocality(text: string | undefined): Locality | undefined {
  if (text === undefined) return undefined;
  const [region, zone, subZone] = (text.includes('/') ? text : text.replaceAll('.', '/')).split('/');
  const locality = {
    ...(region ? { region } : {}),
    ...(zone ? { zone } : {}),
    ...(subZone ? { sub_zone: subZone } : {}),
  };
  return Object.keys(locality).length === 0 ? undefined : locality;
}
