/** {@code loft bench}: what a training step costs, by method. */
@NullMarked
package org.loft4j.cli.bench;

import org.jspecify.annotations.NullMarked;
