/** Whole-run benchmarks: run by hand, compared as ratios within one run. */
@NullMarked
package org.loft4j.bench;

import org.jspecify.annotations.NullMarked;
