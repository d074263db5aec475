/** Opens a model directory with the family that its config.json names. */
@NullMarked
package org.loft4j.model;

import org.jspecify.annotations.NullMarked;
