import type { Report } from './report.js';
export const renderReport = (r: Report): string => JSON.stringify(r.metrics);
