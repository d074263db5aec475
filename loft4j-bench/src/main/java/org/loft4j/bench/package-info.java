/** Benchmarks of the parts, run by hand with JMH; whole steps are measured by {@code loft bench}. */
@NullMarked
package org.loft4j.bench;

import org.jspecify.annotations.NullMarked;
