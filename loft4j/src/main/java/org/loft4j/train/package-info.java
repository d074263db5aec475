/** The training loop: steps, evaluation, checkpoints and the run log. */
@NullMarked
package org.loft4j.train;

import org.jspecify.annotations.NullMarked;
