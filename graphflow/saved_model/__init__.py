"""`tf.saved_model`: graphs with their variables and signatures, as TensorFlow and its servers load them."""

from graphflow.saved_model import (
    builder,
    constants,
    loader,
    main_op,
    predictor,
    signature_constants,
    signature_def_utils,
    tag_constants,
    utils,
)
from graphflow.saved_model.builder import SavedModelBuilder, simple_save
from graphflow.saved_model.constants import (
    ASSETS_DIRECTORY,
    ASSETS_KEY,
    LEGACY_INIT_OP_KEY,
    MAIN_OP_KEY,
    SAVED_MODEL_FILENAME_PB,
    SAVED_MODEL_FILENAME_PBTXT,
    SAVED_MODEL_SCHEMA_VERSION,
    VARIABLES_DIRECTORY,
    VARIABLES_FILENAME,
)
from graphflow.saved_model.loader import contains_saved_model, load, maybe_saved_model_directory
from graphflow.saved_model.signature_def_utils import (
    build_signature_def,
    classification_signature_def,
    is_valid_signature,
    predict_signature_def,
    regression_signature_def,
)
from graphflow.saved_model.utils import build_tensor_info, get_tensor_from_tensor_info

Builder = SavedModelBuilder
