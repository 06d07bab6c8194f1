@kubectl kftls __complete %*
