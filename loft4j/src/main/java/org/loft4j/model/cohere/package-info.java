/** Cohere: parallel parts behind one norm, neighbours that are turned, logits that are scaled; in Cohere 2 windows, and blocks without rotation. */
@NullMarked
package org.loft4j.model.cohere;

import org.jspecify.annotations.NullMarked;
