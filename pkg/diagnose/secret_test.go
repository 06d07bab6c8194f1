package diagnose

// encryptedKey is a key with a passphrase, as openssl pkcs8 writes it: the block
// alone tells.
const encryptedKey = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIH0MF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAk\n-----END ENCRYPTED PRIVATE KEY-----\n"
