# Derived from fleet.toml and inventory.toml by `noc render`; edited by hand, it drifts.
{
  clavitor.node = {
    aliases = [ ];
    hostName = "malaysia";
    pushTokenFile = "/etc/clavitor/environment";
    region = "ap-southeast-5";
    subdomain = "malaysia";
    tunnelAddress = "10.84.0.27";
  };
}
