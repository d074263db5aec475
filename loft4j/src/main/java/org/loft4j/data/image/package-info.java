/** Images: files, decoding, resizing and normalising as the reference does, light augmentation. */
@NullMarked
package org.loft4j.data.image;

import org.jspecify.annotations.NullMarked;
