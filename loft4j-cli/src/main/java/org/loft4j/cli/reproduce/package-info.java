/** {@code loft reproduce}: the experiments, one small class each, and what writes down what they found. */
@NullMarked
package org.loft4j.cli.reproduce;

import org.jspecify.annotations.NullMarked;
