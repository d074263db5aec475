/** Phi-1, Phi-1.5 and Phi-2: blocks whose two parts read the same states behind one norm. */
@NullMarked
package org.loft4j.model.phi;

import org.jspecify.annotations.NullMarked;
