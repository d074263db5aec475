/** Gemma 1. */
@NullMarked
package org.loft4j.model.gemma;

import org.jspecify.annotations.NullMarked;
