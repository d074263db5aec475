/**
 * GLM-4.5 and 4.6: Llama whose heads are turned in part, with experts that a router scores one by one; and GLM-4-0414: norms around
 * each part, and neighbours that are turned.
 */
@NullMarked
package org.loft4j.model.glm;

import org.jspecify.annotations.NullMarked;
