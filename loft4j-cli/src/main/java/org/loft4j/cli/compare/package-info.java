/** {@code loft compare}: methods × ranks × learning rates × seeds on one model and one data set, and what came out. */
@NullMarked
package org.loft4j.cli.compare;

import org.jspecify.annotations.NullMarked;
