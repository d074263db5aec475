/** Gemma 3, text: windows in five of six blocks, with a rotation of their own, and a norm on each head. */
@NullMarked
package org.loft4j.model.gemma3;

import org.jspecify.annotations.NullMarked;
